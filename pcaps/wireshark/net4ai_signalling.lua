-- Signalling: RRC, NAS, N2 and link messages, which answers which, and the sessions they set up.

local n = ... -- what the parts of the plugin share
if type(n) ~= "table" then return end -- Wireshark runs every file of the folder; net4ai.lua loads this one

local byte, format, concat = string.byte, string.format, table.concat
local codes, families, expert = n.spec.codes, n.spec.families, n.expert
local record_of, add_generated, add_time = n.record_of, n.add_generated, n.add_time
local read_parts, malformed, missing = n.read_parts, n.malformed, n.missing

local MAXIMUM_EXCHANGES = 200000
local MAXIMUM_SESSIONS = 200000

local exchanges -- leg, identities: a request and its answer
local sessions -- interface, address of the receiver, handle: session
local session_count

n.on_new_capture(function()
  exchanges, sessions, session_count = n.bounded(MAXIMUM_EXCHANGES), n.bounded(MAXIMUM_SESSIONS), 0
end)

-- The session of DEP PDUs with this handle to this address, where its signalling was seen.
function n.session_of(interface, receiver, handle)
  return sessions.get(interface .. "|" .. receiver .. "|" .. handle)
end

-- Handles of a session, one for each direction, are exchanged by signalling: request and answer name the same session
-- or seat. A handle is known by the node that gave it out.
local function pair_handles(context, record, answer)
  local offered = {}
  for _, session in ipairs(record.values.sessions) do offered[session.session or session.seat or ""] = session end
  for _, session in ipairs(answer.sessions) do
    local request = offered[session.session or session.seat or ""]
    if request and request.handle and session.handle then
      session_count = session_count + 1
      local found = {id = session_count, frame = context.number, session = request.session, seat = request.seat,
        execution = record.values.execution}
      sessions.put(record.interface .. "|" .. record.source_address .. "|" .. request.handle, found)
      sessions.put(context.interface .. "|" .. context.source_address .. "|" .. session.handle, found)
    end
  end
end

-- The identities that request and answer share.
local function identities(context, exchange, values)
  local found = {exchange.key}
  for index, name in ipairs(exchange.by) do
    local value = values[name]
    if name == "ue" then value = values.c_rnti or context.ue end
    found[1 + index] = format("%.0f", value or -1)
  end
  return concat(found, "|")
end

-- The exchange this message belongs to; on the first pass it is written down.
local function find_exchange(context, exchange, values, is_answer)
  local key = identities(context, exchange, values)
  local name = key .. (is_answer and "<" or ">")
  if not context.first then return context.record and context.record[name] end
  local source, destination = context.source, context.destination
  if is_answer then source, destination = destination, source end
  key = concat({key, context.interface, source, destination}, "|")
  local found = exchanges.get(key)
  if not context.repeats then
    if is_answer then
      if found and not found.answer_frame then
        found.answer_frame, found.answer_time = context.number, context.time
        if found.values.sessions and values.sessions then pair_handles(context, found, values) end
      end
    elseif not found or found.answer_frame then
      found = exchanges.put(key, {frame = context.number, time = context.time, values = values,
        interface = context.interface, source_address = context.source_address})
    end
  end
  if found then record_of(context)[name] = found end
  return found
end

local function show_exchanges(context, family, code, values, tree)
  local asks, answers = family.asks[code], family.answers[code]
  local answered = answers and find_exchange(context, answers, values, true)
  if answered then
    add_generated(tree, family.response_to, answered.frame)
    if answered.answer_frame == context.number then
      add_time(tree, family.response_time, answered.answer_time - answered.time)
    end
  end
  local asked = asks and find_exchange(context, asks, values, false)
  if asked and asked.answer_frame then add_generated(tree, family.response_in, asked.answer_frame) end
end

local function dissect_message(context, family, reader, at)
  local start, stop = at, reader.stop
  local tree = context.root:add(family.protocol, reader.tvb(start, stop - start))
  context.protocol = context.protocol and context.protocol .. "/" .. family.name or family.name
  if start == stop then
    context.info[#context.info + 1] = family.name .. " without a message type"
    return missing(reader, tree, "message type")
  end
  local code = byte(reader.raw, start + 1)
  local message = family.messages[code]
  local name = message and message.name or format("unknown message 0x%02x", code)
  context.info[#context.info + 1] = name
  tree:append_text(": " .. name)
  local type_item = tree:add(family.type_field, reader.tvb(start, 1))
  if not message then
    tree:add(family.body, reader.tvb(start + 1, stop - start - 1))
    type_item:add_proto_expert_info(expert.unknown, format("Unknown message type 0x%02x", code))
    return
  end
  local values = {}
  at = read_parts(reader, message.parts, start + 1, tree, values)
  if at and at < stop then malformed(reader, tree, format("Octets left over: %d", stop - at)) end
  if reader.bad then return end
  if name:find("Reject") or name:find("Failure") or name == "Refuse" then
    tree:add_proto_expert_info(expert.error, name .. ": " .. (codes.Cause[values.cause] or "?"))
  end
  context.ue = values.c_rnti or values.ran_ue or context.ue
  show_exchanges(context, family, code, values, tree)
  if values.nas then
    local inner = setmetatable({stop = values.nas.stop}, {__index = reader})
    dissect_message(context, families.nas, inner, values.nas.start)
  end
end

n.dissect_message = dissect_message
