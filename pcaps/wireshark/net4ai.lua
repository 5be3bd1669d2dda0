-- Wireshark dissector of NET4AI: layer 2, RRC, NAS, N2, signalling on T4 and T8, DEP, messages between functions.
--
-- The headers and messages are data: net4ai_fields.lua, generated from the declarations of the emulator, beside this
-- file. Here is what data cannot say: reassembly, which packets answer which, retransmissions, columns.
-- Runs in Wireshark 4.0 to 4.6, so in Lua 5.2 and 5.4: no //, no bit operators, no bit32; "/" gives a float in 5.4.

if _G.net4ai_is_loaded then return end -- installed, and given by -X lua_script as well
_G.net4ai_is_loaded = true

local byte, sub, format, concat, floor = string.byte, string.sub, string.format, table.concat, math.floor

local function load_table()
  local folder = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
  local chunk = loadfile(folder .. "net4ai_fields.lua")
  return chunk and chunk() or require("net4ai_fields")
end

local spec = load_table()
local codes, structures, bodies, families = spec.codes, spec.structures, spec.bodies, spec.families

-- Bounds of what is remembered of a capture.
local MAXIMUM_FRAMES = 2000000
local MAXIMUM_STREAMS = 20000
local MAXIMUM_MESSAGES = 100000
local MAXIMUM_EXCHANGES = 200000
local MAXIMUM_SESSIONS = 200000
local MAXIMUM_RUNS = 4096 -- pieces of a message that do not touch
local MAXIMUM_HELD = 1024 -- segments of a signalling bearer that wait for others
local COUNT_MEMORY = 2048 -- PDUs of a bearer within which a second arrival is recognised
local MAXIMUM_LISTED_FRAMES = 1000 -- frames listed below a reassembled message

-- ---------------------------------------------------------------------------------------------------------------------
-- Protocols and fields

local net4ai = Proto("net4ai", "NET4AI layer 2")
local dep = Proto("dep", "Deep Edge Protocol")
local message_protocol = Proto("net4ai_message", "NET4AI message between functions")
families.rrc.protocol = Proto("net4ai_rrc", "NET4AI RRC")
families.nas.protocol = Proto("net4ai_nas", "NET4AI NAS")
families.n2.protocol = Proto("net4ai_n2", "NET4AI N2")
families.link.protocol = Proto("net4ai_link", "NET4AI link signalling")
families.link.name = "Link"

local function new_field(fields, part)
  local bits = part.mask and tonumber(part.type:match("%d+$")) or nil
  local values = part.codes and codes[part.codes]
  if part.type == "bool" then
    part.field = ProtoField.bool(part.filter, part.label, part.bits, nil, part.mask, part.doc)
  else
    local display = base[part.base or "DEC"]
    part.field = ProtoField[part.type](part.filter, part.label, display, values, bits and part.mask, part.doc)
  end
  fields[#fields + 1] = part.field
end

local shared = {}

local function new_fields(fields, parts)
  for _, part in ipairs(parts) do
    if part.kind == "word" then
      for _, field in ipairs(part.fields) do
        field.bits = part.size * 8
        new_field(fields, field)
      end
    else
      local make = part.kind == "text" and ProtoField.string or part.kind == "octets" and ProtoField.bytes
      if make then
        part.field = make(part.filter, part.label, nil, part.doc)
      else
        part.field = ProtoField.none(part.filter, part.label, part.doc)
      end
      fields[#fields + 1] = part.field
      if part.parts then new_fields(fields, part.parts) end
    end
  end
end

local function generated(fields, kind, filter, label, ...)
  local field = ProtoField[kind](filter, label, ...)
  fields[#fields + 1] = field
  return field
end

local function link_fields(fields, owner, filter)
  owner.response_in = generated(fields, "framenum", filter .. ".response_in", "Response in", base.NONE,
    frametype.RESPONSE, nil, "Frame that answers this one.")
  owner.response_to = generated(fields, "framenum", filter .. ".response_to", "Response to", base.NONE,
    frametype.REQUEST, nil, "Frame this one answers.")
  owner.response_time = generated(fields, "relative_time", filter .. ".response_time", "Response time",
    "Time since what is answered.")
end

local l2_fields, dep_fields, message_fields = {}, {}, {}
local shown = {} -- fields that are not declared: what the dissector finds out

new_fields(l2_fields, structures.l2_header.parts)
new_fields(l2_fields, structures.segment_offset.parts)
new_fields(l2_fields, structures.status_report.parts)
for _, part in ipairs(spec.shared) do
  new_field(l2_fields, part)
  shared[part.name] = part.field
end
shown.bearer_name = generated(l2_fields, "string", "net4ai.bearer_name", "Bearer name")
shown.mac_i = generated(l2_fields, "bytes", "net4ai.mac_i", "MAC-I")
shown.payload = generated(l2_fields, "bytes", "net4ai.payload", "Payload")
shown.repeats = generated(l2_fields, "framenum", "net4ai.repeats", "Repeats", base.NONE, frametype.RETRANS_PREV, nil,
  "Frame with the same COUNT: this one is a retransmission, or on an unacknowledged bearer a duplicate.")
shown.sdu_in = generated(l2_fields, "framenum", "net4ai.reassembled_in", "Reassembled in", base.NONE, nil, nil,
  "Frame in which the service data unit is whole.")
shown.sdu_frame = generated(l2_fields, "framenum", "net4ai.segment.frame", "Segment in", base.NONE)
shown.sdu_length = generated(l2_fields, "uint32", "net4ai.reassembled_length", "Reassembled length", base.DEC)

new_fields(dep_fields, structures.dep_header.parts)
new_fields(dep_fields, structures.extension.parts)
local body_of = {} -- PING and PONG, CLOSE and CLOSE_ACK share a body and its fields
for _, body in pairs(bodies) do
  if not body_of[body.filter] then
    body_of[body.filter] = body
    new_fields(dep_fields, body.parts)
  end
end
for kind, body in pairs(bodies) do bodies[kind] = body_of[body.filter] end
shown.dep_payload = generated(dep_fields, "bytes", "dep.payload", "Payload")
shown.dep_body = generated(dep_fields, "bytes", "dep.body", "Body")
shown.extension_value = generated(dep_fields, "bytes", "dep.extension.value", "Value")
shown.message_in = generated(dep_fields, "framenum", "dep.reassembled_in", "Reassembled in", base.NONE, nil, nil,
  "Frame in which the message is whole.")
shown.message_frame = generated(dep_fields, "framenum", "dep.segment", "Segment in", base.NONE)
shown.retransmission = generated(dep_fields, "framenum", "dep.retransmission_of", "Retransmission of", base.NONE,
  frametype.RETRANS_PREV, nil, "Frame with the same octets of the message under another packet number.")
shown.session_in = generated(dep_fields, "framenum", "dep.session_added_in", "Session added in", base.NONE, nil, nil,
  "Frame of the signalling that completed the session.")
shown.message_data = generated(dep_fields, "bytes", "dep.message", "Message", base.NONE, "The whole message.")
link_fields(dep_fields, shown, "dep")

new_fields(message_fields, structures.message_prefix.parts)
new_fields(message_fields, structures.record.parts)
shown.shape = generated(message_fields, "string", "net4ai.message.shape", "Shape")
shown.data = generated(message_fields, "bytes", "net4ai.message.data", "Data")
shown.sealed = generated(message_fields, "bytes", "net4ai.message.sealed", "Sealed")

for name, family in pairs(families) do
  local fields, names = {}, {}
  for code, message in pairs(family.messages) do names[code] = message.name end
  family.type_field = generated(fields, "uint8", family.filter .. ".type", "Message type", base.HEX, names)
  family.body = generated(fields, "bytes", family.filter .. ".body", "Body")
  for _, message in pairs(family.messages) do new_fields(fields, message.parts) end
  link_fields(fields, family, family.filter)
  family.protocol.fields = fields
  family.asks, family.answers = {}, {}
  for index, exchange in ipairs(spec.exchanges[name]) do
    exchange.key = name .. index
    for _, code in ipairs(exchange.requests) do family.asks[code] = exchange end
    for _, code in ipairs(exchange.answers) do family.answers[code] = exchange end
  end
end
net4ai.fields, dep.fields, message_protocol.fields = l2_fields, dep_fields, message_fields

local function new_expert(name, text, group, severity)
  return ProtoExpert.new("net4ai.expert." .. name, text, group, severity)
end
local expert = {
  malformed = new_expert("malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR),
  range = new_expert("range", "Value out of range", expert.group.MALFORMED, expert.severity.ERROR),
  cut = new_expert("cut", "Cut short by the capture", expert.group.UNDECODED, expert.severity.NOTE),
  unknown = new_expert("unknown", "Unknown type", expert.group.UNDECODED, expert.severity.WARN),
  reserved = new_expert("reserved", "Reserved bits set", expert.group.PROTOCOL, expert.severity.NOTE),
  repeated = new_expert("retransmission", "Retransmission", expert.group.SEQUENCE, expert.severity.NOTE),
  error = new_expert("error", "Error or refusal", expert.group.RESPONSE_CODE, expert.severity.WARN),
  differs = new_expert("differs", "Same octets of a message, other content", expert.group.SEQUENCE,
    expert.severity.ERROR),
}
net4ai.experts = {expert.malformed, expert.range, expert.cut, expert.unknown, expert.reserved, expert.repeated,
  expert.error, expert.differs}

net4ai.prefs.udp_ports = Pref.range("UDP ports", format("%d-%d", spec.ports.signalling, spec.ports.bulk),
  "Ports of the Uu, T4 and T8", 65535)
net4ai.prefs.memory = Pref.uint("Memory for messages (MiB)", 256,
  "Octets of DEP messages kept for reassembly and display; the oldest are forgotten first")

local interface_field = Field.new("frame.interface_id")
local _, json = pcall(Dissector.get, "json")

-- ---------------------------------------------------------------------------------------------------------------------
-- What is remembered of a capture. Filled when a frame is seen for the first time, in order.

-- A table of at most `limit` entries; the oldest goes first.
local function bounded(limit)
  local entries, order, first, last = {}, {}, 1, 0
  return {
    get = function(key) return entries[key] end,
    put = function(key, value)
      if entries[key] == nil then
        last = last + 1
        order[last] = key
        if last - first >= limit then
          entries[order[first]], order[first] = nil, nil
          first = first + 1
        end
      end
      entries[key] = value
      return value
    end,
  }
end

local frames, streams, messages, requests, exchanges, sessions, session_count
local kept -- messages whose octets are held, oldest first

local function forget_capture()
  frames = bounded(MAXIMUM_FRAMES) -- frame number: what was found out about it
  streams = bounded(MAXIMUM_STREAMS) -- bearer and direction: COUNTs seen, segments that wait
  messages = bounded(MAXIMUM_MESSAGES) -- leg, handle, flow, message id: DEP message
  requests = bounded(MAXIMUM_MESSAGES) -- session, flow, requester, message id: DEP message that may be answered
  exchanges = bounded(MAXIMUM_EXCHANGES) -- signalling requests
  sessions = bounded(MAXIMUM_SESSIONS) -- receiver and handle: session
  session_count = 0
  kept = {first = 1, last = 0, octets = 0}
end
forget_capture()
net4ai.init = forget_capture

-- Everything about the frame at hand that is not its bytes.
local function new_context(pinfo, root)
  local context = {pinfo = pinfo, root = root, number = pinfo.number, first = not pinfo.visited, info = {}}
  context.record = frames.get(context.number)
  if context.first then
    local interface = interface_field()
    context.interface = interface and tostring(interface.value) or ""
    context.source_address, context.destination_address = tostring(pinfo.src), tostring(pinfo.dst)
    context.source = context.source_address .. ":" .. pinfo.src_port
    context.destination = context.destination_address .. ":" .. pinfo.dst_port
    context.leg = context.interface .. "|" .. context.source .. ">" .. context.destination
    context.time = pinfo.rel_ts
  end
  return context
end

-- The record of the frame, to write to.
local function record_of(context)
  if not context.record then context.record = frames.put(context.number, {}) end
  return context.record
end

local function finish(context)
  local columns = context.pinfo.cols
  columns.protocol = context.protocol or "NET4AI"
  columns.info = concat(context.info, ", ")
end

-- Generated fields carry no bytes of the packet.
local function add_generated(tree, field, value)
  tree:add(field, value):set_generated()
end

local function add_time(tree, field, seconds)
  if seconds and seconds >= 0 then
    local whole = floor(seconds)
    add_generated(tree, field, NSTime.new(whole, floor((seconds - whole) * 1e9 + 0.5)))
  end
end

-- ---------------------------------------------------------------------------------------------------------------------
-- Reading structures. A reader is {raw = bytes, tvb = the same, stop = end, visible, cut, pinfo}; `bad` is set where
-- a decoder would refuse. Offsets count from 0.

local function new_reader(tvb, pinfo, tree)
  return {raw = tvb:raw(), tvb = tvb, stop = tvb:len(), cut = tvb:len() < tvb:reported_len(), pinfo = pinfo,
    visible = tree.visible}
end

local function number(raw, at, size)
  if size == 1 then return byte(raw, at + 1) end
  local value = size > 4 and 0.0 or 0 -- 64 bits do not fit an integer of Lua 5.4 without sign
  for index = at + 1, at + size do value = value * 256 + byte(raw, index) end
  return value
end

local function malformed(reader, tree, text)
  reader.bad = true
  tree:add_proto_expert_info(expert.malformed, text)
end

local function missing(reader, tree, name)
  reader.bad = true
  tree:add_proto_expert_info(reader.cut and expert.cut or expert.malformed, "Octets missing: " .. name)
end

local function read_word(reader, part, at, tree, values)
  local size = part.size
  if at + size > reader.stop then return missing(reader, tree, part.fields[1].name) end
  local visible, word = reader.visible, number(reader.raw, at, size)
  for _, field in ipairs(part.fields) do
    local value, item = word, nil
    if field.mask then value = floor(word / field.divisor) % field.modulus end
    values[field.name] = value
    if visible or tree:referenced(field.field) then item = tree:add(field.field, reader.tvb(at, size)) end
    if field.shared and tree:referenced(shared[field.shared]) then
      tree:add(shared[field.shared], reader.tvb(at, size)):set_hidden()
    end
    if field.reserved then
      if value ~= 0 then (item or tree):add_proto_expert_info(expert.reserved, "Reserved bits set: " .. field.name) end
    elseif field.minimum and (value < field.minimum or value > field.maximum) then
      reader.bad = true
      (item or tree):add_proto_expert_info(expert.range,
        format("%s %d, allowed %d to %d", field.name, value, field.minimum, field.maximum))
    end
  end
  return at + size
end

local read_parts

local function read_elements(reader, part, start, stop, tree)
  local size = part.element_size
  if (stop - start) % size ~= 0 then missing(reader, tree, part.name) end
  for at = start, stop - size, size do read_parts(reader, part.parts, at, tree, {}) end
end

-- A length or count of `size` octets at `at`; nil where it is missing or beyond its bound.
local function read_length(reader, part, size, at, tree)
  if at + size > reader.stop then return missing(reader, tree, part.name) end
  local length = number(reader.raw, at, size)
  if length > part.maximum then
    return malformed(reader, tree, format("Length out of range: %s %d, allowed 0 to %d", part.name, length, part.maximum))
  end
  return length
end

local function read_octets(reader, part, at, tree, values)
  local start, stop = at + part.length_size, reader.stop
  if part.length_size > 0 then
    local length = read_length(reader, part, part.length_size, at, tree)
    if not length then return end
    stop = start + length
    if stop > reader.stop then return missing(reader, tree, part.name) end
  elseif stop - start > part.maximum then
    return malformed(reader, tree, format("Too long: %s, allowed 0 to %d", part.name, part.maximum))
  end
  local range, item = reader.tvb(start, stop - start), nil
  if part.kind == "text" then
    local raw, text = sub(reader.raw, start + 1, stop), range:string(ENC_UTF_8)
    item = tree:add(part.field, range, text)
    values[part.name] = raw
    -- Wireshark puts U+FFFD where the octets are not UTF-8, and ends a text at its first NUL.
    if text ~= sub(raw, 1, #text) or #text < #raw and byte(raw, #text + 1) ~= 0 then
      malformed(reader, item, "Not UTF-8: " .. part.name)
    end
  else
    item = tree:add(part.field, range)
    values[part.name] = {start = start, stop = stop}
    if part.parts then read_elements(reader, part, start, stop, item) end
    if part.content == "json" and json and sub(reader.raw, start + 1, stop):find("^%s*[{%[]") then
      pcall(json.call, json, range:tvb(), reader.pinfo, item)
    end
  end
  return stop
end

local function read_nested(reader, part, at, tree, values)
  local item = tree:add(part.field, reader.tvb(at, reader.stop - at))
  local inner = {}
  local stop = read_parts(reader, part.parts, at, item, inner)
  values[part.name] = inner
  if stop then item:set_len(stop - at) end
  return stop
end

local function read_list(reader, part, at, tree, values)
  local count = read_length(reader, part, part.count_size, at, tree)
  if not count then return end
  local elements = {}
  values[part.name] = elements
  at = at + part.count_size
  for index = 1, count do
    at = read_nested(reader, part, at, tree, elements)
    if not at then return end
    elements[index], elements[part.name] = elements[part.name], nil
  end
  return at
end

local READ = {word = read_word, octets = read_octets, text = read_octets, list = read_list, nested = read_nested}

-- Reads the parts of a structure into `values` and shows them. Gives the offset behind, or nil where octets are missing.
function read_parts(reader, parts, at, tree, values)
  for index = 1, #parts do
    local part = parts[index]
    at = READ[part.kind](reader, part, at, tree, values)
    if not at then return nil end
  end
  return at
end

-- ---------------------------------------------------------------------------------------------------------------------
-- Signalling: RRC, NAS, N2, link

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

local function exchange_key(context, exchange, values, source, destination)
  local key = {exchange.key, context.interface, source, destination}
  for index, name in ipairs(exchange.by) do
    local value = values[name]
    if name == "ue" then value = values.c_rnti or context.ue end
    if not value then return nil end
    key[4 + index] = format("%.0f", value)
  end
  return concat(key, "|")
end

-- The exchange this message belongs to; on the first pass it is written down.
local function find_exchange(context, exchange, values, is_answer)
  local name = exchange.key .. (is_answer and "<" or ">")
  if not context.first then return context.record and context.record[name] end
  local source, destination = context.source, context.destination
  if is_answer then source, destination = destination, source end
  local key = exchange_key(context, exchange, values, source, destination)
  local found = key and exchanges.get(key)
  if not context.repeats and key then
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

local function read_records(reader, at, tree)
  while at and at < reader.stop do
    local values, start = {}, at
    at = read_parts(reader, structures.record.parts, at, tree, values)
    if not at then return end
    local stop = at + values.length + 16
    if stop > reader.stop then return missing(reader, tree, "sealed record") end
    tree:add(shown.sealed, reader.tvb(start, stop - start))
    at = stop
  end
end

local function dissect_function_message(context, tvb)
  local reader = new_reader(tvb, context.pinfo, context.root)
  local tree = context.root:add(message_protocol, tvb())
  local values = {}
  local at = read_parts(reader, structures.message_prefix.parts, 0, tree, values)
  if not at or reader.bad then return "no function message" end
  local content = codes.Content[values.content]
  local text = (content or "content " .. values.content) .. " tag " .. values.tag .. " index " .. values.index
  if values.record_size > 0 then
    read_records(reader, at, tree)
    return "sealed " .. text
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
  local limit = net4ai.prefs.memory * 1048576
  while kept.octets > limit and kept.first <= kept.last do
    forget(kept[kept.first])
    kept[kept.first] = nil
    kept.first = kept.first + 1
  end
end

local function new_message(context, key, values, session)
  local message = {length = values.message_length, starts = {}, stops = {}, pieces = {}, frame_at = {}, packet_at = {},
    frames = {}, received = 0, held = 0}
  messages.put(key, message)
  kept.last = kept.last + 1
  kept[kept.last] = message
  local addresses = {context.source, context.destination}
  table.sort(addresses)
  local place = session and session.id or concat({context.interface, addresses[1], addresses[2], context.c_rnti or ""}, "|")
  local is_response = values.response == 1
  local requester = is_response and context.destination_address or context.source_address
  local request_key = concat({place, requester, values.qfi, values.message_id}, "|")
  if is_response then
    message.request = requests.get(request_key)
    if message.request then message.request.response = message end
  else
    requests.put(request_key, message)
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
  record.session = sessions.get(context.interface .. "|" .. context.destination_address .. "|" .. values.handle)
  local key = format("%s|%d|%d|%d|%d", context.leg, values.handle, values.qfi, values.message_id, values.response)
  local message = messages.get(key)
  if not message or message.length ~= values.message_length then
    message = new_message(context, key, values, record.session)
  end
  record.message = message
  if context.repeats then return end
  local from, to = values.offset, values.offset + #payload
  local before = message.frame_at[from]
  local new = #payload > 0 and cover(message, from, to) or 0
  if before and new < #payload and message.packet_at[from] ~= values.packet_number then
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
    tree:add_proto_expert_info(expert.repeated, format("Retransmission of frame %d", record.retransmission_of))
    info[#info + 1] = "retransmission"
  end
  if record.differs then tree:add_proto_expert_info(expert.differs) end
  if record.whole then
    info[#info + 1] = show_whole_message(context, message, tree)
  elseif message.done_frame then
    add_generated(tree, shown.message_in, message.done_frame)
  end
end

local function read_extensions(reader, at, tree, words)
  local stop = at + 4 * words
  if stop > reader.stop then return missing(reader, tree, "extensions") end
  while at < stop do
    local values = {}
    local value_at = read_parts(reader, structures.extension.parts, at, tree, values)
    local next_at = at + 4 * (values.words or 0)
    if not value_at or next_at <= at then return nil end
    if next_at > stop then return malformed(reader, tree, "Extension beyond the extensions") end
    tree:add(shown.extension_value, reader.tvb(value_at, next_at - value_at))
    tree:add_proto_expert_info(expert.unknown, format("Unknown %sextension %d", values.critical == 1 and "critical " or "",
      values.type))
    at = next_at
  end
  return stop
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
}

local function dissect_dep(context, reader, at)
  local stop, info = reader.stop, context.info
  local tree = context.root:add(dep, reader.tvb(at, stop - at))
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
  if values.extension_words > 0 then at = read_extensions(reader, at, tree, values.extension_words) end
  local body = bodies[values.type]
  local handle = values.handle
  if at and not body then
    tree:add(shown.dep_body, reader.tvb(at, stop - at))
    tree:add_proto_expert_info(expert.unknown, (codes.DepType[values.type] and "Reserved type " or "Unknown ") .. name)
  elseif at then
    at = read_parts(reader, body.parts, at, tree, values)
  end
  if name == "DATA" and at then
    values.handle = handle
    return dissect_data(context, reader, at, tree, values)
  end
  local text = at and INFO[name] and INFO[name](values)
  info[#info + 1] = "DEP " .. name .. (text and " " .. text or "")
  if at and body and at < stop then return malformed(reader, tree, format("Octets left over: %d", stop - at)) end
  if at and name == "ERROR" then
    tree:add_proto_expert_info(expert.error, format("ERROR %s, handle 0x%08x", text, values.handle))
  end
end

-- ---------------------------------------------------------------------------------------------------------------------
-- Layer 2

local BEARER_NAMES = {SRB = "SRB%d", DRB = "DRB%d", CRB = "CRB%d", FIXED_LINK = "link"}

local function bearer_name(values)
  local kind = codes.BearerType[values.bearer_type]
  if kind == "FIXED_LINK" and values.bearer == 0 then return "link signalling" end
  return format(BEARER_NAMES[kind] or "bearer %d", values.bearer)
end

-- A bearer in one direction: the COUNTs it has carried, so that a second arrival is seen. SRB0 does not number.
local function note_count(context, values, raw)
  local key = format("%s|%d|%d|%d|%d", context.leg, values.bearer_type, values.bearer, values.c_rnti, values.is_data)
  local stream = streams.get(key)
  if not stream then stream = streams.put(key, {seen = {}, frame = {}, held = {}, held_count = 0}) end
  if context.protocol_srb0 then return stream end
  local slot = values.count % COUNT_MEMORY
  -- Bearers start anew with a C-RNTI: the same COUNT with other content is no repetition. A poll bit may differ.
  local content = sub(raw, 2, 40)
  if stream.seen[slot] == content then
    context.repeats = stream.frame[slot]
    record_of(context).repeats = context.repeats
  else
    stream.seen[slot], stream.frame[slot] = content, context.number
  end
  return stream
end

local COMPLETE, FIRST, LAST, MIDDLE = 0, 1, 2, 3

-- The service data unit a segment makes whole: PDUs with consecutive COUNTs, FIRST to LAST, offsets without a gap.
local function join_segments(context, stream, values, payload)
  local held = stream.held
  if not held[values.count] then stream.held_count = stream.held_count + 1 end
  if stream.held_count > MAXIMUM_HELD then
    stream.held, stream.held_count = {[values.count] = false}, 1
    held = stream.held
  end
  local own = {kind = values.segmentation, offset = values.offset or 0, payload = payload, frame = context.number,
    unit = {}}
  held[values.count] = own
  record_of(context).unit = own.unit
  local first, last = values.count, values.count
  while held[first] and held[first].kind ~= FIRST do first = (first - 1) % 4294967296 end
  while held[last] and held[last].kind ~= LAST do last = (last + 1) % 4294967296 end
  if not (held[first] and held[last]) then return end
  local whole, length, segment_frames, count = {}, 0, {}, first
  while true do
    local piece = held[count]
    if not piece or piece.offset ~= length or (piece.kind == FIRST) ~= (count == first) then return end
    whole[#whole + 1], segment_frames[#segment_frames + 1] = piece.payload, piece.frame
    length = length + #piece.payload
    if count == last then break end
    count = (count + 1) % 4294967296
  end
  count = first
  for _ = 1, #whole do
    held[count].unit.frame = context.number
    held[count], stream.held_count = nil, stream.held_count - 1
    count = (count + 1) % 4294967296
  end
  local record = record_of(context)
  record.sdu, record.sdu_frames = concat(whole), segment_frames
end

local function show_reassembled(context, tree)
  local record = context.record
  for index = 1, math.min(#record.sdu_frames, MAXIMUM_LISTED_FRAMES) do
    add_generated(tree, shown.sdu_frame, record.sdu_frames[index])
  end
  add_generated(tree, shown.sdu_length, #record.sdu)
  return new_reader(ByteArray.new(record.sdu, true):tvb("Service data unit"), context.pinfo, context.root)
end

-- What a bearer carries, or nil.
local function family_of(values)
  local kind = codes.BearerType[values.bearer_type]
  if kind == "SRB" then return families.rrc end
  if kind == "FIXED_LINK" and values.bearer == 0 then return families.link end
  return nil
end

local function dissect_sdu(context, reader, at, values, tree)
  local family = family_of(values)
  if family then return dissect_message(context, family, reader, at) end
  if codes.BearerType[values.bearer_type] ~= "DRB" then return dissect_dep(context, reader, at) end
  context.info[#context.info + 1] = format("%s COUNT %d", bearer_name(values), values.count)
  tree:add(shown.payload, reader.tvb(at, reader.stop - at))
end

local function dissect_segment(context, reader, at, values, tree, stream)
  local record = context.record
  if context.first and not context.repeats then
    join_segments(context, stream, values, sub(reader.raw, at + 1, reader.stop))
    record = context.record
  end
  if record and record.sdu then return dissect_sdu(context, show_reassembled(context, tree), 0, values, tree) end
  tree:add(shown.payload, reader.tvb(at, reader.stop - at))
  if record and record.unit and record.unit.frame then add_generated(tree, shown.sdu_in, record.unit.frame) end
  context.info[#context.info + 1] = format("%s segment COUNT %d, [%d-%d)", bearer_name(values), values.count,
    values.offset or 0, (values.offset or 0) + reader.stop - at)
end

local function dissect_status(context, reader, at, tree, values)
  at = read_parts(reader, structures.status_report.parts, at, tree, values)
  local text = ""
  if at and values.missing.stop > values.missing.start then text = ", some missing" end
  context.info[#context.info + 1] = format("%s status report", bearer_name(values))
    .. (at and format(" before %d%s", values.next_count, text) or "")
end

local function dissect_pdu(context, reader, tree)
  local values = {}
  local at = read_parts(reader, structures.l2_header.parts, 0, tree, values)
  if not at or reader.bad then
    context.info[#context.info + 1] = "layer 2 malformed"
    if at then tree:add(shown.payload, reader.tvb(at, reader.stop - at)) end
    return
  end
  local name = bearer_name(values)
  tree:append_text(format(": %s, C-RNTI %d, COUNT %d", name, values.c_rnti, values.count))
  add_generated(tree, shown.bearer_name, name)
  context.c_rnti, context.ue = values.c_rnti, values.c_rnti
  context.protocol_srb0 = name == "SRB0"
  local stream = context.first and note_count(context, values, reader.raw)
  local repeats = context.record and context.record.repeats
  if repeats then
    local text = family_of(values) and "retransmission" or "duplicate"
    add_generated(tree, shown.repeats, repeats)
    tree:add_proto_expert_info(expert.repeated, format("The PDU of frame %d again: %s", repeats, text))
    context.info[1] = text
  end
  if values.has_mac == 1 then
    if reader.cut or reader.stop - at < 4 then return missing(reader, tree, "MAC-I") end
    reader.stop = reader.stop - 4
    tree:add(shown.mac_i, reader.tvb(reader.stop, 4))
  end
  if values.is_data == 0 then return dissect_status(context, reader, at, tree, values) end
  if values.segmentation == LAST or values.segmentation == MIDDLE then
    at = read_parts(reader, structures.segment_offset.parts, at, tree, values)
    if not at then return end
  end
  if at >= reader.stop then return missing(reader, tree, "service data unit") end
  tree:set_len(at)
  if values.segmentation ~= COMPLETE then return dissect_segment(context, reader, at, values, tree, stream) end
  dissect_sdu(context, reader, at, values, tree)
end

local function dissect_datagram(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  local context = new_context(pinfo, root)
  dissect_pdu(context, new_reader(tvb, pinfo, root), root:add(net4ai, tvb()))
  context.protocol = context.protocol or "L2"
  finish(context)
  return tvb:len()
end
net4ai.dissector = dissect_datagram

-- ---------------------------------------------------------------------------------------------------------------------
-- Other ways in: exported PDUs by name, N2 over TCP, and a look at UDP on other ports

local function bare(family)
  function family.protocol.dissector(tvb, pinfo, root)
    local context = new_context(pinfo, root)
    dissect_message(context, family, new_reader(tvb, pinfo, root), 0)
    finish(context)
    return tvb:len()
  end
end
bare(families.rrc)
bare(families.nas)
bare(families.link)

function dep.dissector(tvb, pinfo, root)
  local context = new_context(pinfo, root)
  dissect_dep(context, new_reader(tvb, pinfo, root), 0)
  finish(context)
  return tvb:len()
end

function message_protocol.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  local context = new_context(pinfo, root)
  context.protocol = "message"
  context.info[1] = dissect_function_message(context, tvb)
  finish(context)
  return tvb:len()
end

-- A message alone, or (TCP) messages behind their lengths of 32 bits: no message has type 0, no length is that long.
function families.n2.protocol.dissector(tvb, pinfo, root)
  local context = new_context(pinfo, root)
  local reader = new_reader(tvb, pinfo, root)
  local total, at = tvb:len(), 0
  local framed = total >= 4 and byte(reader.raw, 1) == 0
  while framed and at < total do
    local length = total - at >= 4 and number(reader.raw, at, 4) or nil
    local needed = length and at + 4 + length or nil
    if not needed or needed > total then
      if pinfo.can_desegment == 0 or length and length > spec.maximum_n2_message then break end
      pinfo.desegment_offset = at
      pinfo.desegment_len = needed and needed - total or DESEGMENT_ONE_MORE_SEGMENT
      return total
    end
    reader.stop, reader.bad = needed, false
    dissect_message(context, families.n2, reader, at + 4)
    context.protocol_n2, context.protocol = context.protocol, nil
    at = needed
  end
  if at < total then
    reader.stop, reader.bad = total, false
    dissect_message(context, families.n2, reader, at)
  end
  context.protocol = context.protocol or context.protocol_n2
  finish(context)
  if framed then pinfo.cols.info:fence() end
  return total
end

-- The first message of a conversation on another port, or DATA: strict, so that no other protocol is taken.
local function looks_like_net4ai(tvb)
  local length = tvb:len()
  if length < 20 or length > 65507 then return false end
  local flags, bearer = tvb(0, 1):uint(), tvb(1, 1):uint()
  local first, second = tvb(8, 1):uint(), tvb(9, 1):uint()
  if flags == 32 or flags == 36 then
    if bearer == 0 and length == 20 then return tvb(2, 6):raw() == ("\0"):rep(6) and first == 1 end -- RRC Setup Request
    if bearer == 192 then return tvb(2, 2):uint() == 0 and first == 1 and length == 15 + tvb(14, 1):uint() end -- Attach
  end
  return flags == 32 and bearer > 128 and bearer ~= 192 and length >= 32 and first == 17 and second % 32 == 0
    and tvb(11, 1):uint() == 0 and tvb(20, 4):uint() + length - 32 <= tvb(24, 4):uint()
end

net4ai:register_heuristic("udp", function(tvb, pinfo, root)
  if not looks_like_net4ai(tvb) then return false end
  pinfo.conversation = net4ai
  dissect_datagram(tvb, pinfo, root)
  return true
end)

local udp, ports = DissectorTable.get("udp.port"), net4ai.prefs.udp_ports
udp:add(ports, net4ai)
function net4ai.prefs_changed()
  if ports == net4ai.prefs.udp_ports then return end
  udp:remove(ports, net4ai)
  ports = net4ai.prefs.udp_ports
  udp:add(ports, net4ai)
end
DissectorTable.get("tcp.port"):add(spec.ports.n2, families.n2.protocol)
