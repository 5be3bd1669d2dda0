-- The control bus: the envelope of a message as fields, and who says what to whom in the information column.
--
-- Bus messages are captured as JSON, which Wireshark shows without this plugin. So this is a post-dissector: it reads
-- the envelope (codecs/envelope.py) of exported JSON behind Wireshark's own dissector.

local n = ... -- what the parts of the plugin share
if type(n) ~= "table" then return end -- Wireshark runs every file of the folder; net4ai.lua loads this one

local byte, sub, format = string.byte, string.sub, string.format

local MAXIMUM_REQUESTS = 100000
local JSON_TAG = "\0\12\0\4json" -- how an exported PDU for that dissector begins

local bus = Proto("net4ai_bus", "NET4AI control bus")
local fields, shown = {}, {}

local function field(name, kind, label, ...)
  shown[name] = ProtoField[kind]("net4ai.bus." .. name, label, ...)
  fields[#fields + 1] = shown[name]
end
field("id", "string", "Id", base.ASCII, "Number of the request; its reply has the same.")
field("kind", "string", "Kind", base.ASCII, "request, reply or event.")
field("type", "string", "Type", base.ASCII, "Name of the body's schema.")
field("sender", "string", "Sender", base.ASCII, "Entity that speaks.")
field("to", "string", "To", base.ASCII, "Entity it speaks to.")
field("process", "string", "Process", base.ASCII, "Process that signed.")
field("error", "string", "Error", base.ASCII, "Why a request was not done.")
field("part", "uint32", "Part", base.DEC, nil, nil, "Number of this part of a long body, from 0.")
field("parts", "uint32", "Parts", base.DEC, nil, nil, "Parts of the body.")
field("response_in", "framenum", "Reply in", base.NONE, frametype.RESPONSE)
field("response_to", "framenum", "Reply to", base.NONE, frametype.REQUEST)
field("response_time", "relative_time", "Response time", "Time since the request.")
bus.fields = fields

local requests -- id: request and reply
n.on_new_capture(function() requests = n.bounded(MAXIMUM_REQUESTS) end)

-- Where the JSON of an exported PDU begins: behind tags of type, length and value that end with type 0.
local function behind_tags(raw)
  local at = 0
  while at + 4 <= #raw do
    local tag, length = n.number(raw, at, 2), n.number(raw, at + 2, 2)
    at = at + 4 + length
    if tag == 0 then return at end
  end
end

local SPACE, QUOTE, COLON, COMMA = "^[ \t\r\n]*()", 34, 58, 44

-- The end of the JSON value at `at` (from 1), or nil.
local function behind_value(text, at)
  local first = byte(text, at)
  if first == QUOTE then
    while true do
      at = text:find('["\\]', at + 1)
      if not at then return nil end
      if byte(text, at) == QUOTE then return at + 1 end
      at = at + 1
    end
  end
  if first ~= 123 and first ~= 91 then return text:match("^[%w%.%+%-]+()", at) end
  local depth = 0
  while true do
    at = text:find('["{}%[%]]', at)
    if not at then return nil end
    local mark = byte(text, at)
    if mark == QUOTE then
      at = behind_value(text, at)
      if not at then return nil end
    else
      depth = depth + ((mark == 123 or mark == 91) and 1 or -1)
      at = at + 1
      if depth == 0 then return at end
    end
  end
end

-- The members of the outermost object: name to value, its begin and its length. What is no object gives none.
local function members(text)
  local found = {}
  local at = text:match("^[ \t\r\n]*{()")
  while at do
    at = text:match(SPACE, at)
    local name, colon = text:match('^"([^"\\]*)"[ \t\r\n]*()', at)
    if not name or byte(text, colon) ~= COLON then return found end
    local start = text:match(SPACE, colon + 1)
    local stop = behind_value(text, start)
    if not stop then return found end
    found[name] = {value = sub(text, start, stop - 1), start = start - 1, size = stop - start}
    at = text:match(SPACE, stop)
    at = byte(text, at) == COMMA and at + 1 or nil
  end
  return found
end

local TEXTS = {"id", "kind", "type", "sender", "to", "process"}

local function plain(member) return member and member.value:match('^"(.*)"$') end

-- The exchange of this message; on the first pass it is written down.
local function exchange_of(pinfo, id, kind)
  local found = id and requests.get(id)
  if pinfo.visited or not id then return found end
  if kind == "request" and not found then
    found = requests.put(id, {frame = pinfo.number, time = pinfo.rel_ts})
  elseif kind == "reply" and found and not found.answer then
    found.answer, found.answer_time = pinfo.number, pinfo.rel_ts
    n.count_procedure("bus", found.type, "reply", found.answer_time - found.time)
  end
  return found
end

local function show_exchange(tree, pinfo, id, kind, name)
  local found = exchange_of(pinfo, id, kind)
  if not found then return end
  if kind == "request" then
    if found.frame == pinfo.number and not pinfo.visited then
      found.type = name or "?"
      n.count_procedure("bus", found.type)
    end
    if found.answer then n.add_generated(tree, shown.response_in, found.answer) end
  elseif kind == "reply" then
    n.add_generated(tree, shown.response_to, found.frame)
    if found.answer == pinfo.number then n.add_time(tree, shown.response_time, found.answer_time - found.time) end
  end
end

function bus.dissector(tvb, pinfo, root)
  if tvb:len() < #JSON_TAG or tvb:raw(0, #JSON_TAG) ~= JSON_TAG then return end
  local raw = tvb:raw()
  local at = behind_tags(raw)
  if not at or at >= #raw then return end
  local found = members(sub(raw, at + 1))
  local kind, name, sender, to = plain(found.kind), plain(found.type), plain(found.sender), plain(found.to)
  if not (kind and name and sender and to) then return end
  local tree = root:add(bus, tvb(at))
  tree:append_text(format(": %s %s, %s > %s", name, kind, sender, to))
  for _, key in ipairs(TEXTS) do
    local member, text = found[key], plain(found[key])
    if text then tree:add(shown[key], tvb(at + member.start, member.size), text) end
  end
  local failed = found.error and found.error.value ~= "null" and found.error.value:match('"cause"%s*:%s*"([^"]*)"')
  if failed then
    tree:add(shown.error, tvb(at + found.error.start, found.error.size), failed)
    tree:add_proto_expert_info(n.expert.error, format("%s: %s", name, failed))
  end
  for _, key in ipairs({"part", "parts"}) do
    local value = found[key] and tonumber(found[key].value)
    if value and value >= 0 and value < 65536 and value % 1 == 0 then
      tree:add(shown[key], tvb(at + found[key].start, found[key].size), math.floor(value))
    end
  end
  show_exchange(tree, pinfo, plain(found.id), kind, name)
  pinfo.cols.protocol = "bus"
  pinfo.cols.info = format("%s %s, %s > %s%s", name, kind, sender, to, failed and ", " .. failed or "")
end

register_postdissector(bus)
