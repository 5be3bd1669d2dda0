-- Signalling: RRC, NAS, N2 and link messages, which answers which, and the sessions they set up.

local n = ... -- what the parts of the plugin share
if type(n) ~= "table" then return end -- Wireshark runs every file of the folder; net4ai.lua loads this one

local byte, format, concat = string.byte, string.format, table.concat
local codes, families, expert = n.spec.codes, n.spec.families, n.expert
local record_of, add_generated, add_time = n.record_of, n.add_generated, n.add_time
local read_parts, malformed, missing = n.read_parts, n.malformed, n.missing

local MAXIMUM_EXCHANGES = 200000

local exchanges -- leg, identities: a request and its answer
local session_count

n.on_new_capture(function() exchanges, session_count = n.bounded(MAXIMUM_EXCHANGES), 0 end)

-- The session of DEP PDUs with this handle to this address, where its signalling was seen.
function n.session_of(link, receiver, handle)
  local known = n.handle_of(link, receiver, handle)
  return known and known.session
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
      local own = n.handle_of(record.link, record.source_address, request.handle)
      local others = n.handle_of(context.link, context.source_address, session.handle)
      local found = {id = session_count, frame = context.number, session = request.session, seat = request.seat,
        execution = record.values.execution, ue = context.c_rnti, flows = own and own.flows,
        link = context.link, network = record.source_address, other = context.source_address}
      for _, known in pairs({own, others}) do known.session = found end
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

-- Where request and answer meet: on the Uu at the network side, for a UE has another address before it has a C-RNTI;
-- elsewhere between two ends.
local function meeting_place(context, layer, message, is_answer)
  local source, destination = context.source, context.destination
  if context.c_rnti and (layer == "rrc" or layer == "nas") then
    return context.link .. "|" .. (message.direction == "up" and destination or source)
  end
  if is_answer then source, destination = destination, source end
  return context.link .. "|" .. source .. "|" .. destination
end

-- The exchange this message belongs to; on the first pass it is written down.
local function find_exchange(context, exchange, layer, message, values, is_answer)
  local key = identities(context, exchange, values)
  local name = key .. (is_answer and "<" or ">")
  if not context.first then return context.record and context.record[name] end
  key = key .. "|" .. meeting_place(context, layer, message, is_answer)
  local found = exchanges.get(key)
  if not context.repeats then
    if is_answer then
      if found and not found.answer_frame then
        found.answer_frame, found.answer_time = context.number, context.time
        n.count_procedure(layer, found.name, message.name, context.time - found.time)
        if found.values.sessions and values.sessions then pair_handles(context, found, values) end
      end
    elseif not found or found.answer_frame then
      found = exchanges.put(key, {frame = context.number, time = context.time, values = values, name = message.name,
        link = context.link, source_address = context.source_address})
      n.count_procedure(layer, message.name)
    end
  end
  if found then record_of(context)[name] = found end
  return found
end

local function show_exchanges(context, layer, family, code, message, values, tree)
  local answered, must_be = nil, false
  for _, exchange in ipairs(family.answers[code] or {}) do
    local found = find_exchange(context, exchange, layer, message, values, true)
    answered = answered or found
    must_be = must_be or not exchange.unasked and context.first and n.must_have_request(context, layer, exchange)
    if found then
      add_generated(tree, family.response_to, found.frame)
      if found.answer_frame == context.number then
        add_time(tree, family.response_time, found.answer_time - found.time)
      end
    end
  end
  if must_be and not answered and not context.repeats and n.net4ai.prefs.check then
    n.find(context, layer, "answers_nothing", message.name .. ": nobody asked", true)
  end
  for _, exchange in ipairs(family.asks[code] or {}) do
    local asked = find_exchange(context, exchange, layer, message, values, false)
    if asked and asked.answer_frame then add_generated(tree, family.response_in, asked.answer_frame) end
  end
end

local PROTECTED = 0x7e
local ENCIPHERED = {[2] = true, [4] = true} -- security headers of nas.SecurityHeaderType

-- The message inside a protected one, where it is in clear.
local function dissect_protected(context, reader, values)
  local inner = setmetatable({stop = values.message.stop}, {__index = reader})
  if ENCIPHERED[values.security_header] and not n.is_nas_null(context) then
    context.info[#context.info + 1] = format("enciphered, NAS COUNT %d", values.count)
  else
    context.inside_protected = true
    n.dissect_message(context, families.nas, inner, values.message.start)
    context.inside_protected = nil
  end
end

local function dissect_message(context, family, reader, at)
  local start, stop = at, reader.stop
  local tree = context.root:add(family.protocol, reader.tvb(start, stop - start))
  if not context.inside_protected then
    context.protocol = context.protocol and context.protocol .. "/" .. family.name or family.name
  end
  if start == stop then
    context.info[#context.info + 1] = family.name .. " without a message type"
    return missing(reader, tree, "message type")
  end
  local layer = family.filter:match("%w+$")
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
  n.note_message(context, layer, code, message, values)
  show_exchanges(context, layer, family, code, message, values, tree)
  n.show_found(context, layer, tree)
  if code == PROTECTED and family == families.nas then
    if not context.inside_protected then dissect_protected(context, reader, values) end
    return
  end
  if values.nas then
    local inner = setmetatable({stop = values.nas.stop}, {__index = reader})
    dissect_message(context, families.nas, inner, values.nas.start)
  end
end

n.dissect_message = dissect_message
