-- DEP: headers, bodies, reassembly of DATA, and the messages between functions that DEP carries.

local n = ... -- what the parts of the plugin share
if type(n) ~= "table" then return end -- Wireshark runs every file of the folder; net4ai.lua loads this one

local sub, format, concat = string.sub, string.format, table.concat
local spec, codes, structures, bodies = n.spec, n.spec.codes, n.spec.structures, n.spec.bodies
local expert, shown, shared, json = n.expert, n.shown, n.shared, n.json
local record_of, add_generated, add_time = n.record_of, n.add_generated, n.add_time
local new_reader, read_parts, malformed, missing = n.new_reader, n.read_parts, n.malformed, n.missing

local MAXIMUM_MESSAGES = 100000
local MAXIMUM_CAPSULES = 100000
local RECORD_TAG = 16 -- octets that authenticate a sealed record
local MAXIMUM_RUNS = 4096 -- pieces of a message that do not touch
local MAXIMUM_LISTED_FRAMES = 1000 -- frames listed below a reassembled message

local messages -- leg, handle, flow, message id: message
local requests -- session, requester, flow, message id: message that may be answered
local kept -- messages whose octets are held, oldest first
local controls -- kind, session, requester, number: a control PDU that is answered
local capsules -- session, sender: the newest epoch and its octets

n.on_new_capture(function()
  messages, requests = n.bounded(MAXIMUM_MESSAGES), n.bounded(MAXIMUM_MESSAGES)
  controls, capsules = n.bounded(MAXIMUM_MESSAGES), n.bounded(MAXIMUM_CAPSULES)
  kept = {first = 1, last = 0, octets = 0}
end)

-- ---------------------------------------------------------------------------------------------------------------------
-- Messages between functions

local function dimensions_of(values)
  local sizes, product = {}, 1.0
  for axis = 1, values.rank do
    local size = values["dimension_" .. (axis - 1)]
    sizes[axis], product = size, product * size
  end
  return "[" .. concat(sizes, ", ") .. "]", product
end

-- Sealed records, one behind the other; gives how many.
local function read_records(reader, at, tree)
  local count = 0
  while at and at < reader.stop do
    local values = {}
    at = read_parts(reader, structures.record.parts, at, tree, values)
    if not at then return count end
    local stop = at + values.length + RECORD_TAG
    if stop > reader.stop then
      missing(reader, tree, "sealed record")
      return count
    end
    tree:add(shown.sealed, reader.tvb(at, values.length))
    tree:add(shown.tag, reader.tvb(stop - RECORD_TAG, RECORD_TAG))
    at, count = stop, count + 1
  end
  return count
end

local function dissect_function_message(context, tvb)
  local reader = new_reader(tvb, context.pinfo, context.root)
  local tree = context.root:add(n.message_protocol, tvb())
  local values = {}
  local at = read_parts(reader, structures.message_prefix.parts, 0, tree, values)
  if not at or reader.bad then return "no function message" end
  local content = codes.Content[values.content]
  local text = (content or "content " .. values.content) .. " tag " .. values.tag .. " index " .. values.index
  if values.record_size > 0 then
    text = format("sealed %s, %d records", text, read_records(reader, at, tree))
    tree:append_text(": " .. text)
    return text
  end
  if content == "TENSOR" then
    local shape, product = dimensions_of(values)
    local size = spec.element_size[values.element_type] or 0
    add_generated(tree, shown.shape, shape)
    text = (codes.ElementType[values.element_type] or "unknown element type") .. " " .. shape .. " " .. text
    if size == 0 then
      malformed(reader, tree, "Unknown element type")
    elseif product * size ~= values.data_length then
      malformed(reader, tree, "Shape and length do not agree")
    end
  elseif not content then
    malformed(reader, tree, "Unknown content")
  end
  if values.data_length ~= reader.stop - at then malformed(reader, tree, "Wrong length of the data") end
  if tree:referenced(shown.data) then tree:add(shown.data, tvb(at, reader.stop - at)) end
  tree:append_text(": " .. text)
  if content == "JSON" and json and at < reader.stop then
    pcall(json.call, json, tvb(at, reader.stop - at):tvb(), context.pinfo, context.root)
  end
  return text
end

-- ---------------------------------------------------------------------------------------------------------------------
-- DEP

-- Adds [from, to) to the sorted, disjoint runs of a message; gives how many of the octets are new.
local function cover(message, from, to)
  local starts, stops = message.starts, message.stops
  local count = #starts
  local index = count + 1
  while index > 1 and stops[index - 1] >= from do index = index - 1 end
  local new, past = to - from, index
  local low, high = from, to
  while past <= count and starts[past] <= to do
    new = new - math.max(0, math.min(to, stops[past]) - math.max(from, starts[past]))
    low, high = math.min(low, starts[past]), math.max(high, stops[past])
    past = past + 1
  end
  if past == index + 1 then -- touches one run: by far the most frequent case
    starts[index], stops[index] = low, high
  elseif past > index or count < MAXIMUM_RUNS then
    for _ = index, past - 1 do
      table.remove(starts, index)
      table.remove(stops, index)
    end
    table.insert(starts, index, low)
    table.insert(stops, index, high)
  else
    return 0
  end
  return new
end

local function forget(message)
  kept.octets = kept.octets - message.held
  message.held, message.pieces, message.data, message.forgotten = 0, nil, nil, true
end

local function keep(message, octets)
  message.held, kept.octets = message.held + octets, kept.octets + octets
  local limit = n.net4ai.prefs.memory * 1048576
  while kept.octets > limit or kept.last - kept.first >= MAXIMUM_MESSAGES do
    forget(kept[kept.first])
    kept[kept.first] = nil
    kept.first = kept.first + 1
  end
end

-- Where the two ends of a session meet: the session where it is known, else by addresses.
local function places(context, session)
  local addresses = {context.source, context.destination}
  table.sort(addresses)
  return session and format("session %d", session.id),
    concat({context.link, addresses[1], addresses[2], context.c_rnti or ""}, "|")
end

local function new_message(context, key, values, session)
  local message = {length = values.message_length, starts = {}, stops = {}, pieces = {}, frame_at = {}, packet_at = {},
    frames = {}, received = 0, held = 0}
  messages.put(key, message)
  kept.last = kept.last + 1
  kept[kept.last] = message
  local requester = values.response == 1 and context.destination_address or context.source_address
  local by_session, by_addresses = places(context, session)
  local rest = format("|%s|%d|%d", requester, values.qfi, values.message_id)
  if values.response == 1 then
    message.request = by_session and requests.get(by_session .. rest) or requests.get(by_addresses .. rest)
    if message.request then
      message.request.response = message
    elseif session and n.net4ai.prefs.check then
      n.find(context, "dep", "answers_nothing", "No request of this message id has been seen",
        true)
    end
  else
    requests.put((by_session or by_addresses) .. rest, message)
  end
  return message
end

local function assemble(message)
  local pieces, whole, at = message.pieces, {}, 0
  table.sort(pieces, function(a, b) return a.offset < b.offset end)
  for _, piece in ipairs(pieces) do
    if piece.offset + #piece.payload > at then
      whole[#whole + 1] = sub(piece.payload, at - piece.offset + 1)
      at = piece.offset + #piece.payload
    end
  end
  message.pieces, message.data = nil, concat(whole)
end

-- DATA seen for the first time: what it adds to its message is written into the record of the frame.
local function receive_data(context, values, payload)
  local record = record_of(context)
  record.session = n.session_of(context.link, context.destination_address, values.handle)
  local key = format("%s|%d|%d|%d|%d", context.leg, values.handle, values.qfi, values.message_id, values.response)
  local message = messages.get(key)
  if message and message.length ~= values.message_length and n.net4ai.prefs.check and not context.repeats then
    n.find(context, "dep", "length_changed", format("%d octets before", message.length))
  end
  if not message or message.length ~= values.message_length then
    message = new_message(context, key, values, record.session)
  end
  record.message = message
  n.count_data(context, record.session, #payload, context.repeats ~= nil)
  if context.repeats then return end
  local from, to = values.offset, values.offset + #payload
  local before = message.frame_at[from]
  local new = #payload > 0 and cover(message, from, to) or 0
  if before and new < #payload and message.packet_at[from] ~= values.packet_number then
    n.count_data(context, record.session, 0, true)
    record.retransmission_of = before
    for _, piece in ipairs(message.pieces or {}) do
      if piece.offset == from then
        local common = math.min(#piece.payload, #payload)
        record.differs = sub(piece.payload, 1, common) ~= sub(payload, 1, common)
        break
      end
    end
  end
  if new == 0 and not (message.length == 0 and not message.done_frame) then return end
  message.received = message.received + new
  message.frames[#message.frames + 1] = context.number
  message.frame_at[from], message.packet_at[from] = context.number, values.packet_number
  if message.pieces then
    message.pieces[#message.pieces + 1] = {offset = from, payload = payload}
    keep(message, #payload)
  end
  if message.received >= message.length then
    message.done_frame, message.done_time = context.number, context.time
    record.whole = true
    local request = message.request
    n.count_dep_message(context, record.session, request and request.done_time and context.time - request.done_time)
    if message.pieces then assemble(message) end
  end
end

local function show_response(message, tree)
  local response, request = message.response, message.request
  if response and response.done_frame then add_generated(tree, shown.response_in, response.done_frame) end
  if request and request.done_frame then
    add_generated(tree, shown.response_to, request.done_frame)
    add_time(tree, shown.response_time, message.done_time - request.done_time)
  end
end

local function show_session(session, tree)
  add_generated(tree, shown.session_in, session.frame)
  if session.execution then add_generated(tree, shared.execution, session.execution) end
  if session.seat then add_generated(tree, shared.seat, session.seat) end
  if session.session then add_generated(tree, shared.session, session.session) end
end

local function show_whole_message(context, message, tree)
  show_response(message, tree)
  if not message.data then
    return message.forgotten and "message not kept" or nil
  end
  for index = 1, math.min(#message.frames, MAXIMUM_LISTED_FRAMES) do
    add_generated(tree, shown.message_frame, message.frames[index])
  end
  if message.length == 0 then return "no octets" end
  local tvb = ByteArray.new(message.data, true):tvb("DEP message")
  if tree:referenced(shown.message_data) then tree:add(shown.message_data, tvb()):set_generated() end
  return dissect_function_message(context, tvb)
end

local function dissect_data(context, reader, at, tree, values)
  local from, to = values.offset, values.offset + reader.stop - at
  local info = context.info
  info[#info + 1] = format("DEP DATA msg %d%s [%d-%d) of %d", values.message_id,
    values.response == 1 and " response" or "", from, to, values.message_length)
  if reader.visible or tree:referenced(shown.dep_payload) then
    tree:add(shown.dep_payload, reader.tvb(at, reader.stop - at))
  end
  if to > values.message_length then return malformed(reader, tree, "Beyond the end of the message") end
  if reader.cut or reader.bad then
    if reader.cut then tree:add_proto_expert_info(expert.cut) end
    return
  end
  if context.first then receive_data(context, values, sub(reader.raw, at + 1, reader.stop)) end
  local record = context.record
  local message = record and record.message
  if not message then return end
  if record.session then show_session(record.session, tree) end
  if record.retransmission_of then
    add_generated(tree, shown.retransmission, record.retransmission_of)
    tree:add_proto_expert_info(expert.retransmission, format("Retransmission of frame %d", record.retransmission_of))
    info[#info + 1] = "retransmission"
  end
  if record.differs then tree:add_proto_expert_info(expert.differs) end
  if record.whole then
    info[#info + 1] = show_whole_message(context, message, tree)
  elseif message.done_frame then
    add_generated(tree, shown.message_in, message.done_frame)
  end
end

local function read_extensions(reader, at, tree, words, found)
  local stop = at + 4 * words
  if stop > reader.stop then return missing(reader, tree, "extensions") end
  while at < stop do
    local values = {}
    local value_at = read_parts(reader, structures.extension.parts, at, tree, values)
    local next_at = at + 4 * (values.words or 0)
    if not value_at or next_at <= at then return nil end
    if next_at > stop then return malformed(reader, tree, "Extension beyond the extensions") end
    local name, range = codes.ExtensionType[values.type], reader.tvb(value_at, next_at - value_at)
    local item = tree:add(shown.extension_value, range)
    if name == "TIMESTAMP" then
      if next_at - value_at ~= 4 then return malformed(reader, item, "A timestamp has one word") end
      found.timestamp = n.number(reader.raw, value_at, 4)
      tree:add(shown.timestamp, range)
    elseif not name and values.critical == 1 then
      item:add_proto_expert_info(expert.unknown_extension, format("Unknown critical extension %d", values.type))
    elseif not name then
      item:add_proto_expert_info(expert.passed_over, format("Unknown extension %d", values.type))
    end
    found[#found + 1] = name or format("extension %d", values.type)
    at = next_at
  end
  return stop
end

-- Control PDUs that ask and that answer: whether it answers, what both have in common, what to call it.
local EXCHANGES = {
  PING = function(values) return false, values.echo, "PING" end,
  PONG = function(values) return true, values.echo, "PING" end,
  CLOSE = function() return false, 0, "CLOSE" end,
  CLOSE_ACK = function() return true, 0, "CLOSE" end,
  PATH = function(values) return values.answer == 1, values.sequence, "PATH" end,
  CAPSULE = function(values) return values.capsule.stop == values.capsule.start, values.epoch, "CAPSULE" end,
}

local function follow_exchange(context, session, name, values)
  local is_answer, number, kind = EXCHANGES[name](values)
  local requester = is_answer and context.destination_address or context.source_address
  local by_session, by_addresses = places(context, session)
  local rest = format("|%s|%s|%d", kind, requester, number)
  local found = by_session and controls.get(by_session .. rest) or controls.get(by_addresses .. rest)
  if is_answer then
    if found and not found.done_frame_of_answer then
      found.done_frame_of_answer, found.answer_time = context.number, context.time
      n.count_procedure("dep", kind, name, context.time - found.time)
    elseif not found and session and n.net4ai.prefs.check then
      n.find(context, "dep", "answers_nothing", name .. ": nobody asked", true)
    end
  elseif not found or found.done_frame_of_answer then
    found = controls.put((by_session or by_addresses) .. rest, {frame = context.number, time = context.time})
    n.count_procedure("dep", kind)
  end
  record_of(context).exchange, record_of(context).is_answer = found, is_answer
end

local function show_exchange(context, tree)
  local found = context.record and context.record.exchange
  if not found then return end
  if context.record.is_answer then
    add_generated(tree, shown.response_to, found.frame)
    if found.done_frame_of_answer == context.number then
      add_time(tree, shown.response_time, found.answer_time - found.time)
    end
  elseif found.done_frame_of_answer then
    add_generated(tree, shown.response_in, found.done_frame_of_answer)
  end
end

-- The newest capsule of a sender: the same epoch has the same octets.
local function follow_capsule(context, session, values, octets)
  if #octets == 0 or not session then return end
  local key = session.id .. "|" .. context.source_address
  local newest = capsules.get(key)
  if not newest or values.epoch > newest.epoch then
    capsules.put(key, {epoch = values.epoch, octets = octets})
  elseif values.epoch == newest.epoch and octets ~= newest.octets and n.net4ai.prefs.check then
    n.find(context, "dep", "capsule_changed", format("Epoch %d had other octets", values.epoch))
  end
end

local function cause_name(cause) return codes.Cause[cause] or format("cause %d", cause) end

-- What stands in the information column behind the name of the type.
local INFO = {
  GRANT = function(values) return format("msg %d to %d", values.message_id, values.limit) end,
  ACK = function(values) return format("msg %d [0-%d)", values.message_id, values.offset) end,
  NACK = function(values) return format("msg %d", values.message_id) end,
  BUSY = function(values) return format("msg %d", values.message_id) end,
  PING = function(values) return format("0x%08x", values.echo) end,
  PONG = function(values) return format("0x%08x", values.echo) end,
  CLOSE = function(values) return cause_name(values.cause) end,
  CLOSE_ACK = function(values) return cause_name(values.cause) end,
  ERROR = function(values) return cause_name(values.cause) end,
  PATH = function(values)
    return format("%d %s%s", values.sequence, codes.PathReason[values.reason] or format("reason %d", values.reason),
      values.answer == 1 and ", answer" or "")
  end,
  CAPSULE = function(values)
    local octets = values.capsule.stop - values.capsule.start
    return format("epoch %d, %s", values.epoch, octets == 0 and "answer" or format("%d octets", octets))
  end,
}

-- What the first pass learns of a PDU that is whole, and what a receiver would say of it.
local function follow_pdu(context, reader, handle, name, values, extensions)
  local known = n.handle_of(context.link, context.destination_address, handle)
  local session = known and known.session
  if not context.repeats then
    if extensions.timestamp then n.count_timestamp(context, session, extensions.timestamp) end
    if EXCHANGES[name] then follow_exchange(context, session, name, values) end
    if name == "CAPSULE" then
      follow_capsule(context, session, values, sub(reader.raw, values.capsule.start + 1, values.capsule.stop))
    end
  end
  n.check_dep(context, handle, name, values, name == "DATA" and reader.stop - values.payload_at)
end

local function dissect_dep(context, reader, at)
  local stop, info = reader.stop, context.info
  local tree = context.root:add(n.dep, reader.tvb(at, stop - at))
  context.protocol = "DEP"
  local values = {}
  at = read_parts(reader, structures.dep_header.parts, at, tree, values)
  if not at then
    info[#info + 1] = "DEP header cut short"
    return
  end
  local name = codes.DepType[values.type] or format("type %d", values.type)
  if values.version ~= spec.dep_version then
    info[#info + 1] = format("DEP version %d", values.version)
    tree:add_proto_expert_info(expert.unknown, format("Unknown version %d", values.version))
    tree:add(shown.dep_body, reader.tvb(at, stop - at))
    return
  end
  tree:append_text(format(": %s, handle 0x%08x", name, values.handle))
  local extensions, body, handle = {}, bodies[values.type], values.handle
  if values.extension_words > 0 then at = read_extensions(reader, at, tree, values.extension_words, extensions) end
  if at and not body then
    tree:add(shown.dep_body, reader.tvb(at, stop - at))
    tree:add_proto_expert_info(expert.unknown, (codes.DepType[values.type] and "Reserved type " or "Unknown ") .. name)
  elseif at then
    at = read_parts(reader, body.parts, at, tree, values)
  end
  if at and body and name ~= "DATA" and at < stop then
    malformed(reader, tree, format("Octets left over: %d", stop - at))
  end
  values.payload_at = at
  if context.first and at and body and not reader.bad and not reader.cut then
    follow_pdu(context, reader, handle, name, values, extensions)
  end
  if name == "DATA" and at then
    values.handle = handle
    dissect_data(context, reader, at, tree, values)
    return n.show_found(context, "dep", tree)
  end
  local text = at and INFO[name] and INFO[name](values)
  info[#info + 1] = "DEP " .. name .. (text and " " .. text or "")
  if #extensions > 0 then info[#info + 1] = concat(extensions, ", ") end
  show_exchange(context, tree)
  n.show_found(context, "dep", tree)
  if reader.bad then return end
  if at and name == "ERROR" then
    tree:add_proto_expert_info(expert.error, format("ERROR %s, handle 0x%08x", text, values.handle))
  end
end

n.dissect_dep, n.dissect_function_message = dissect_dep, dissect_function_message
