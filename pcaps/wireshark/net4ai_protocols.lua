-- Protocols, fields, expert information and preferences of the NET4AI plugin.

local n = ... -- what the parts of the plugin share
if type(n) ~= "table" then return end -- Wireshark runs every file of the folder; net4ai.lua loads this one

local spec = n.spec
local structures, bodies, families = spec.structures, spec.bodies, spec.families

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
  local values = part.codes and spec.codes[part.codes]
  if part.type == "bool" then
    part.field = ProtoField.bool(part.filter, part.label, part.bits, nil, part.mask, part.doc)
  else
    local display = base[part.base or "DEC"]
    part.field = ProtoField[part.type](part.filter, part.label, display, values, bits and part.mask, part.doc)
  end
  fields[#fields + 1] = part.field
end

local shared = {} -- fields one can filter over all messages

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
shown.cipher_text = generated(l2_fields, "bytes", "net4ai.cipher_text", "Enciphered", base.NONE,
  "Service data unit, or a segment of one; the MAC-I behind it is enciphered with it.")
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
shown.timestamp = generated(dep_fields, "uint32", "dep.extension.timestamp", "Timestamp", base.DEC, nil, nil,
  "The sender's clock in microseconds, modulo 2^32.")
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
shown.sealed = generated(message_fields, "bytes", "net4ai.message.record.ciphertext", "Ciphertext")
shown.tag = generated(message_fields, "bytes", "net4ai.message.record.tag", "Tag")

local function insert_last(list, item)
  list = list or {}
  list[#list + 1] = item
  return list
end

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
    for _, code in ipairs(exchange.requests) do family.asks[code] = insert_last(family.asks[code], exchange) end
    for _, code in ipairs(exchange.answers) do family.answers[code] = insert_last(family.answers[code], exchange) end
  end
end
net4ai.fields, dep.fields, message_protocol.fields = l2_fields, dep_fields, message_fields

-- Name: text, group, severity. The second half is what a receiver would drop, for the reasons of stack/drops.py; "note"
-- where a clean run has it too.
local EXPERTS = {
  malformed = {"Malformed", "MALFORMED", "ERROR"},
  range = {"Value out of range", "MALFORMED", "ERROR"},
  differs = {"Same octets of a message, other content", "SEQUENCE", "ERROR"},
  cut = {"Cut short by the capture", "UNDECODED", "NOTE"},
  unknown = {"Unknown type", "UNDECODED", "WARN"},
  passed_over = {"Unknown extension, not critical: passed over", "UNDECODED", "NOTE"},
  reserved = {"Reserved bits set", "PROTOCOL", "NOTE"},
  retransmission = {"Retransmission", "SEQUENCE", "NOTE"},
  error = {"Error or refusal", "RESPONSE_CODE", "WARN"},

  duplicate = {"Duplicate", "SEQUENCE", "NOTE"},
  stale_status = {"Status report older than one before", "SEQUENCE", "NOTE"},
  never_sent = {"Acknowledges what was never sent", "SEQUENCE", "WARN"},
  segmented = {"Segment on a bearer that does not segment", "PROTOCOL", "WARN"},
  wrong_bearer = {"Wrong bearer", "PROTOCOL", "WARN"},
  not_protected = {"Not protected, though security is on", "SECURITY", "WARN"},
  not_ciphered = {"In clear, though ciphering is on", "SECURITY", "WARN"},
  unexpected = {"Unexpected message", "PROTOCOL", "WARN"},
  answers_nothing = {"Answers nothing", "SEQUENCE", "WARN"},
  unknown_handle = {"Unknown handle", "PROTOCOL", "WARN"},
  flow_not_configured = {"QoS flow not configured", "PROTOCOL", "WARN"},
  unknown_extension = {"Unknown critical extension", "UNDECODED", "WARN"},
  message_too_large = {"Message too large", "PROTOCOL", "WARN"},
  wrong_segment = {"Wrong segment", "PROTOCOL", "WARN"},
  length_changed = {"Message length changed", "SEQUENCE", "WARN"},
  credit_violation = {"Credit violation", "PROTOCOL", "WARN"},
  capsule_changed = {"Capsule changed", "SEQUENCE", "WARN"},
}

local experts, registered = {}, {}
for name, item in pairs(EXPERTS) do
  experts[name] = ProtoExpert.new("net4ai.expert." .. name, item[1], expert.group[item[2]], expert.severity[item[3]])
  registered[#registered + 1] = experts[name]
end
net4ai.experts = registered

net4ai.prefs.udp_ports = Pref.range("UDP ports", string.format("%d-%d", spec.ports.signalling, spec.ports.bulk),
  "Ports of the Uu, T4 and T8", 65535)
net4ai.prefs.memory = Pref.uint("Memory for messages (MiB)", 256,
  "Octets of DEP messages kept for reassembly and display; the oldest are forgotten first")
net4ai.prefs.check = Pref.bool("Say what a receiver would drop", true,
  "Handles, QoS flows, bearers, segments, security and answers compared with the signalling seen")
net4ai.prefs.check_credit = Pref.bool("Say what is beyond the credit given", true,
  "DATA beyond the unscheduled octets and the GRANTs seen")
net4ai.prefs.statistics = Pref.bool("Print statistics (tshark)", false,
  "tshark prints DEP sessions and procedures at the end; in Wireshark use the menu Tools > NET4AI")

n.net4ai, n.dep, n.message_protocol = net4ai, dep, message_protocol
n.shown, n.shared, n.expert = shown, shared, experts
n.interface_name = Field.new("frame.interface_name")
local found, json = pcall(Dissector.get, "json")
n.json = found and json
