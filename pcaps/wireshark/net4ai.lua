-- Wireshark dissector of NET4AI: layer 2, RRC, NAS, N2, signalling on T4 and T8, DEP, messages between functions.
--
-- The headers and messages are data: net4ai_fields.lua, generated from the declarations of the emulator. The other
-- files say what data cannot: reassembly, which packets answer which, retransmissions, columns. This one loads them,
-- dissects layer 2 and registers the ways in.
-- Runs in Wireshark 4.0 to 4.6, so in Lua 5.2 and 5.4: no //, no bit operators, no bit32; "/" gives a float in 5.4.

if _G.net4ai_is_loaded then return end -- installed, and given by -X lua_script as well
_G.net4ai_is_loaded = true

local n = {} -- what the parts of the plugin share

local function load_part(name)
  local folder = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
  local part, problem = loadfile(folder .. name .. ".lua")
  return assert(part, problem)(n)
end

n.spec = load_part("net4ai_fields")
load_part("net4ai_protocols")
load_part("net4ai_reading")
load_part("net4ai_receiver")
load_part("net4ai_statistics")
load_part("net4ai_signalling")
load_part("net4ai_dep")
load_part("net4ai_bus")

local byte, sub, format, concat = string.byte, string.sub, string.format, table.concat
local spec, codes, structures, families = n.spec, n.spec.codes, n.spec.structures, n.spec.families
local net4ai, expert, shown, number = n.net4ai, n.expert, n.shown, n.number
local new_context, record_of, finish, add_generated = n.new_context, n.record_of, n.finish, n.add_generated
local new_reader, read_parts, missing = n.new_reader, n.read_parts, n.missing
local dissect_message, dissect_dep = n.dissect_message, n.dissect_dep

local MAXIMUM_STREAMS = 20000
local MAXIMUM_HELD = 1024 -- segments of a signalling bearer that wait for others
local COUNT_MEMORY = 2048 -- PDUs of a bearer within which a second arrival is recognised
local MAXIMUM_LISTED_FRAMES = 1000 -- frames listed below a reassembled service data unit

local streams -- bearer and direction: COUNTs seen, segments that wait
n.on_new_capture(function() streams = n.bounded(MAXIMUM_STREAMS) end)

-- ---------------------------------------------------------------------------------------------------------------------
-- Layer 2

local BEARER_NAMES = {SRB = "SRB%d", DRB = "DRB%d", CRB = "CRB%d", FIXED_LINK = "link"}

local function bearer_name(values)
  local kind = codes.BearerType[values.bearer_type]
  if kind == "FIXED_LINK" and values.bearer == 0 then return "link signalling" end
  return format(BEARER_NAMES[kind] or "bearer %d", values.bearer)
end

local function stream_of(context, values, is_data, leg)
  local key = format("%s|%d|%d|%d|%d|%d", leg, values.bearer_type, values.bearer, values.c_rnti, is_data,
    n.epoch_of(context))
  return streams.get(key) or streams.put(key, {seen = {}, frame = {}, held = {}, held_count = 0})
end

-- A bearer in one direction: the COUNTs it has carried, so that a second arrival is seen. SRB0 does not number.
local function note_count(context, values, raw)
  local stream = stream_of(context, values, values.is_data, context.leg)
  if context.is_srb0 then return stream end
  local slot = values.count % COUNT_MEMORY
  -- The same COUNT with other content is no repetition: what was before has not been seen. The poll bit may differ in
  -- repetitions, and with it the MAC-I.
  local content = sub(raw, 2, math.min(40, #raw - 4 * values.has_mac))
  stream.acknowledged = stream.acknowledged or values.poll == 1
  if stream.seen[slot] == content then
    context.repeats = stream.frame[slot]
    record_of(context).repeats = context.repeats
    record_of(context).retransmitted = stream.acknowledged
  else
    stream.seen[slot], stream.frame[slot] = content, context.number
    stream.from_start = stream.from_start or values.count == 0
    if not stream.newest or values.count > stream.newest then stream.newest = values.count end
  end
  return stream
end

-- The UE has refused security: both directions go on in clear.
function n.forget_protection(context)
  if not context.l2 then return end
  for _, leg in ipairs({context.leg, context.way_back}) do
    local stream = stream_of(context, context.l2, 1, leg)
    stream.protected_from, stream.ciphered_from = nil, nil
  end
end

local UNACKNOWLEDGED = 0

-- What layer 2 of a receiver would drop of a PDU that is whole.
local function check_pdu(context, stream, values)
  local kind = codes.BearerType[values.bearer_type]
  if values.segmentation ~= 0 and (context.is_srb0 or kind == "CRB") then
    n.find(context, "l2", "segmented", context.bearer_name .. " does not segment")
  end
  if kind == "SRB" and not context.is_srb0 then n.check_protection(context, stream, values) end
  local mode = kind == "CRB" and context.peer and context.peer.bearers[values.bearer]
  if values.is_data == 0 and (mode == UNACKNOWLEDGED or context.is_srb0) then
    n.find(context, "l2", "unexpected", "Status report on an unacknowledged bearer")
  end
end

-- A status report speaks of what goes the other way.
local function check_status(context, stream, values, before)
  if values.has_mac == 1 and before and values.count < before then
    n.find(context, "l2", "stale_status", format("COUNT %d after %d: a receiver drops it", values.count, before),
      true)
  end
  local reported = stream_of(context, values, 1, context.way_back)
  if reported.from_start and values.next_count > reported.newest + 1 then
    n.find(context, "l2", "never_sent", format("Before COUNT %d; the newest seen is %d", values.next_count,
      reported.newest), true)
  end
end

local COMPLETE, FIRST, LAST, MIDDLE = 0, 1, 2, 3

-- The service data unit a segment makes whole: PDUs with consecutive COUNTs, FIRST to LAST, offsets without a gap.
local function join_segments(context, stream, values, payload)
  if stream.held_count >= MAXIMUM_HELD then stream.held, stream.held_count = {}, 0 end
  local held = stream.held
  if not held[values.count] then stream.held_count = stream.held_count + 1 end
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

local function dissect_status(context, reader, at, tree, values, stream, before)
  at = read_parts(reader, structures.status_report.parts, at, tree, values)
  if at and stream and not reader.bad and not context.repeats and n.net4ai.prefs.check then
    check_status(context, stream, values, before)
  end
  local text = ""
  if at and values.missing.stop > values.missing.start then text = ", some missing" end
  context.info[#context.info + 1] = format("%s status report", bearer_name(values))
    .. (at and format(" before %d%s", values.next_count, text) or "")
end

-- Nothing can be said of cipher text; segments of it are not joined.
local function dissect_ciphered(context, reader, at, values, tree)
  tree:add(shown.cipher_text, reader.tvb(at, reader.stop - at))
  local part = ""
  if values.segmentation ~= COMPLETE then
    part = format(" segment, [%d-%d)", values.offset or 0, (values.offset or 0) + reader.stop - at)
  end
  context.info[#context.info + 1] = format("%s COUNT %d enciphered%s", context.bearer_name, values.count, part)
  tree:append_text(", enciphered")
end

local function show_repetition(context, tree)
  local record = context.record
  if not (record and record.repeats) then return end
  local text = record.retransmitted and "retransmission" or "duplicate"
  add_generated(tree, shown.repeats, record.repeats)
  tree:add_proto_expert_info(expert[text], format("The PDU of frame %d again: %s", record.repeats, text))
  context.info[1] = text
end

-- What the capture has shown before of the bearer, and what the PDU adds.
local function follow_bearer(context, reader, at, values)
  context.leg, context.way_back = context.link .. "|" .. context.leg, context.link .. "|" .. context.way_back
  context.l2, context.peer = values, n.peer_of(context, values.c_rnti)
  n.note_fresh_bearer(context, values, reader.raw, at)
  local newest = stream_of(context, values, values.is_data, context.leg).newest
  local stream = note_count(context, values, reader.raw)
  if family_of(values) then stream.acknowledged = true end
  if context.repeats and family_of(values) then record_of(context).retransmitted = true end
  if n.net4ai.prefs.check then check_pdu(context, stream, values) end
  return stream, newest
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
  context.c_rnti, context.ue, context.bearer_name = values.c_rnti, values.c_rnti, name
  context.is_srb0 = name == "SRB0"
  context.link = codes.BearerType[values.bearer_type] == "FIXED_LINK" and "fixed link" or "Uu"
  context.computing_bearer = codes.BearerType[values.bearer_type] == "CRB" and values.bearer or nil
  local stream, newest
  if context.first then stream, newest = follow_bearer(context, reader, at, values) end
  show_repetition(context, tree)
  if values.has_mac == 1 then
    if reader.cut or reader.stop - at < 4 then return missing(reader, tree, "MAC-I") end
    reader.stop = reader.stop - 4
    tree:add(shown.mac_i, reader.tvb(reader.stop, 4))
  end
  if values.is_data == 1 and (values.segmentation == LAST or values.segmentation == MIDDLE) then
    at = read_parts(reader, structures.segment_offset.parts, at, tree, values)
    if not at then return end
  end
  if values.ciphered == 1 and at < reader.stop then return dissect_ciphered(context, reader, at, values, tree) end
  if values.is_data == 0 then return dissect_status(context, reader, at, tree, values, stream, newest) end
  if at >= reader.stop then return missing(reader, tree, "service data unit") end
  tree:set_len(at)
  if values.segmentation ~= COMPLETE then return dissect_segment(context, reader, at, values, tree, stream) end
  dissect_sdu(context, reader, at, values, tree)
end

-- What is inside data radio bearers is seen on N3. Their mirror, for Wireshark's own dissectors, has all of it again, in
-- datagrams to a port of its own: that frame is remembered, and the datagram left to the heuristic dissector `pdcp_nr_udp`.
local mirror = Proto("net4ai_mirror", "NET4AI mirror of data radio bearers")
local mirrored

function mirror.dissector(tvb, pinfo)
  mirrored = pinfo.number
  return 0
end

local function dissect_datagram(tvb, pinfo, root)
  if tvb:len() == 0 or mirrored == pinfo.number then return 0 end
  local context = new_context(pinfo, root)
  local tree = root:add(net4ai, tvb())
  dissect_pdu(context, new_reader(tvb, pinfo, root), tree)
  n.show_found(context, "l2", tree)
  context.protocol = context.protocol or "L2"
  finish(context)
  return tvb:len()
end
net4ai.dissector = dissect_datagram

-- ---------------------------------------------------------------------------------------------------------------------
-- Other ways in: exported PDUs by name, N2 over TCP, and a look at UDP on other ports

-- RRC and NAS come so from the key log: what was protected, in clear.
local function bare(family, link)
  function family.protocol.dissector(tvb, pinfo, root)
    local context = new_context(pinfo, root, link)
    context.in_clear = true
    dissect_message(context, family, new_reader(tvb, pinfo, root), 0)
    finish(context)
    return tvb:len()
  end
end
bare(families.rrc, "Uu")
bare(families.nas, "NAS in clear")
bare(families.link, "fixed link")

function n.dep.dissector(tvb, pinfo, root)
  local context = new_context(pinfo, root, "DEP")
  dissect_dep(context, new_reader(tvb, pinfo, root), 0)
  finish(context)
  return tvb:len()
end

function n.message_protocol.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then return 0 end
  local context = new_context(pinfo, root, "messages")
  context.protocol = "message"
  context.info[1] = n.dissect_function_message(context, tvb)
  finish(context)
  return tvb:len()
end

-- A message alone, or (TCP) messages behind their lengths of 32 bits: no message has type 0, no length is that long.
function families.n2.protocol.dissector(tvb, pinfo, root)
  local context = new_context(pinfo, root, "N2")
  local reader = new_reader(tvb, pinfo, root)
  local total, at = tvb:len(), 0
  local framed = byte(reader.raw, 1) == 0
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
  if length < 16 or length > 65507 then return false end
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
  if not looks_like_net4ai(tvb) or mirrored == pinfo.number then return false end
  pinfo.conversation = net4ai
  dissect_datagram(tvb, pinfo, root)
  return true
end)

local udp, ports = DissectorTable.get("udp.port"), net4ai.prefs.udp_ports
udp:add(ports, net4ai)
udp:add(spec.ports.bulk + 1, mirror)
function net4ai.prefs_changed()
  n.print_statistics(net4ai.prefs.statistics)
  if ports == net4ai.prefs.udp_ports then return end
  udp:remove(ports, net4ai)
  ports = net4ai.prefs.udp_ports
  udp:add(ports, net4ai)
end
DissectorTable.get("tcp.port"):add(spec.ports.n2, families.n2.protocol)
