-- What a receiver knows from the signalling, as far as the capture shows it, and what it would drop for that reason.
--
-- Nothing is said where the capture cannot know: it began after the UE or link was set up, or the signalling is
-- enciphered and not there in clear (key log). Reasons: stack/drops.py.

local n = ... -- what the parts of the plugin share
if type(n) ~= "table" then return end -- Wireshark runs every file of the folder; net4ai.lua loads this one

local format = string.format
local codes, families, find = n.spec.codes, n.spec.families, n.find

local MAXIMUM_PEERS = 100000
local MAXIMUM_HANDLES = 200000
local MAXIMUM_GRANTS = 200000

local peers -- link, network side, C-RNTI: a UE or attached peer whose beginning was seen
local peers_by_address -- link, network side, its address: the same
local network_side -- link, address and port (and peer): true for RAN node, core, forwarding function
local handles -- link, address, handle: what its owner permits there, and the session
local grants -- session, sender, flow, message: octets permitted by GRANT
local nas_security -- link, addresses, UE: NAS messages are protected
local epochs

n.on_new_capture(function()
  peers, peers_by_address = n.bounded(MAXIMUM_PEERS), n.bounded(MAXIMUM_PEERS)
  network_side, handles, grants = n.bounded(MAXIMUM_PEERS), n.bounded(MAXIMUM_HANDLES), n.bounded(MAXIMUM_GRANTS)
  nas_security, epochs = n.bounded(MAXIMUM_PEERS), 0
end)

-- ---------------------------------------------------------------------------------------------------------------------
-- UEs and attached peers

-- A message that makes a peer known, by family and type: which end is the network.
local BEGINNINGS = {
  rrc = {[1] = "destination", [14] = "destination", [19] = "destination", [2] = "source", [4] = "source",
    [18] = "source", [20] = "source"},
  n2 = {[1] = "destination", [2] = "source", [3] = "source"},
  link = {[1] = "destination", [2] = "source", [3] = "source"},
}
local FIXED_LINK = "fixed link"
local RRC_SETUP, RRC_REESTABLISHMENT, SECURITY_MODE_FAILURE = 2, 15, 13
local ATTACH_ACCEPT, N2_SETUP_RESPONSE = 2, 2
local NAS_SECURITY_MODE_COMMAND, NAS_PROTECTED, NEW_CONTEXT_ENCIPHERED, NULL_ALGORITHM = 0x5d, 0x7e, 4, 0

local function begin_peer(context, c_rnti, identity)
  local key = context.link .. "|" .. context.source_address .. "|" .. c_rnti
  local peer = peers.get(key)
  if peer and peer.identity == identity then return end -- said again
  epochs = epochs + 1
  peers.put(key, {identity = identity, epoch = epochs, bearers = {}})
end

-- The peer a layer-2 PDU belongs to, if its beginning was seen.
function n.peer_of(context, c_rnti)
  local peer = peers.get(context.link .. "|" .. context.source_address .. "|" .. c_rnti)
  local other = context.destination_address
  local network = context.source_address
  if not peer then
    peer, other, network = peers.get(context.link .. "|" .. other .. "|" .. c_rnti), network, other
  end
  if peer and not peer.address and c_rnti ~= 0 then
    peer.address = other
    peers_by_address.put(context.link .. "|" .. network .. "|" .. other, peer)
  end
  return peer
end

local function peer_by_address(context)
  local source, destination = context.source_address, context.destination_address
  return peers_by_address.get(context.link .. "|" .. source .. "|" .. destination)
    or peers_by_address.get(context.link .. "|" .. destination .. "|" .. source)
end

-- COUNTs start anew when this changes: the radio connection was set up or re-established.
function n.epoch_of(context) return context.peer and context.peer.epoch or 0 end

-- Re-establishment begins with COUNT 0 of a fresh SRB1; it is never enciphered, so it is recognised before it is read.
function n.note_fresh_bearer(context, values, raw, at)
  if context.peer and values.bearer_type == 0 and values.bearer == 1 and values.is_data == 1 and values.count == 0
    and values.ciphered == 0 and raw:byte(at + 1) == RRC_REESTABLISHMENT and context.peer.reestablished ~= raw then
    epochs = epochs + 1
    context.peer.epoch, context.peer.reestablished = epochs, raw
  end
end

-- Whether all signalling of this peer can be read.
function n.is_signalling_known(context)
  local peer = context.peer
  return peer ~= nil and (not peer.ciphered or peer.in_clear == true)
end

-- ---------------------------------------------------------------------------------------------------------------------
-- Security of signalling radio bearers and of NAS

function n.check_protection(context, stream, values)
  if context.peer and values.ciphered == 1 then context.peer.ciphered = true end
  if context.repeats or values.is_data == 0 then return end
  local count, from, ciphered_from = values.count, stream.protected_from, stream.ciphered_from
  if values.has_mac == 1 then
    if not from or count < from then stream.protected_from = count end
    if values.ciphered == 1 then
      if not ciphered_from or count < ciphered_from then stream.ciphered_from = count end
    elseif ciphered_from and count > ciphered_from then
      find(context, "l2", "not_ciphered", format("Not enciphered, though COUNT %d was", ciphered_from))
    end
  elseif from and count > from then
    find(context, "l2", "not_protected", format("No MAC-I, though COUNT %d had one", from))
  end
end

local function nas_key(context)
  local source, destination = context.source_address, context.destination_address
  if source > destination then source, destination = destination, source end
  return table.concat({context.link, source, destination, context.ue or ""}, "|")
end

-- Whether "enciphered" means nothing: the null algorithm was seen to be chosen.
function n.is_nas_null(context)
  if context.first then
    local security = nas_security.get(nas_key(context))
    n.record_of(context).nas_null = security ~= nil and security.null_ciphering
  end
  return context.record ~= nil and context.record.nas_null
end

local function note_nas_security(context, code, message, values)
  local key = nas_key(context)
  local security = nas_security.get(key)
  if code == NAS_SECURITY_MODE_COMMAND then
    nas_security.put(key, {null_ciphering = values.ciphering == NULL_ALGORITHM,
      null_integrity = values.integrity == NULL_ALGORITHM})
  elseif code == NAS_PROTECTED then
    if values.security_header == NEW_CONTEXT_ENCIPHERED and security then security.frame = context.number end
  elseif security and security.frame and not security.null_integrity and not message.before_security
    and not context.inside_protected and n.net4ai.prefs.check then
    find(context, "nas", "not_protected", format("%s unprotected; NAS security is on since frame %d", message.name,
      security.frame))
  end
end

-- ---------------------------------------------------------------------------------------------------------------------
-- Signalling messages: who may say what where

-- On a fixed link a node is the network side for one peer and not for another; on the Uu and N2 for all.
local function side_key(context, side, other)
  return context.link == FIXED_LINK and side .. "|" .. other or context.link .. "|" .. side
end

local function check_direction(context, layer, message)
  local ends = {up = {context.source, context.destination}, down = {context.destination, context.source}}
  local wrong = ends[message.direction] -- the network does not say this, and is not told that
  if wrong and network_side.get(side_key(context, wrong[1], wrong[2])) then
    find(context, layer, "unexpected", format("%s goes %s only", message.name, message.direction))
  end
  local bearer = context.bearer_name
  if layer == "rrc" and bearer and bearer ~= message.bearer then
    find(context, layer, "unexpected", format("%s on %s, not %s", message.name, bearer, message.bearer))
  end
  local interface = layer == "link" and n.interface_name()
  interface = interface and tostring(interface.value)
  if (interface == "T4" or interface == "T8") and not message.bearer:find(interface, 1, true) then
    find(context, layer, "unexpected", format("%s on %s", message.name, interface))
  end
end

local function note_beginning(context, layer, code, values)
  local network = BEGINNINGS[layer] and BEGINNINGS[layer][code]
  if network then
    local side, other = context.source, context.destination
    if network == "destination" then side, other = other, side end
    if not network_side.get(side_key(context, other, side)) then
      network_side.put(side_key(context, side, other), true)
    end
  end
  if layer == "rrc" and code == RRC_SETUP then
    begin_peer(context, values.c_rnti, format("%.0f", values.ue_identity))
  elseif layer == "link" and code == ATTACH_ACCEPT then
    begin_peer(context, values.peer, context.number)
  elseif layer == "n2" and code == N2_SETUP_RESPONSE then
    peers.put("N2|" .. context.source_address .. "|" .. context.destination_address, {})
  end
end

-- Whether an answer must have a request in this capture.
function n.must_have_request(context, layer, exchange)
  if layer == "n2" then
    local source, destination = context.source_address, context.destination_address
    return #exchange.by > 0
      and (peers.get("N2|" .. source .. "|" .. destination) or peers.get("N2|" .. destination .. "|" .. source)) ~= nil
  end
  local by = exchange.by[#exchange.by]
  if by ~= "transaction" and by ~= "turn" and by ~= "instance" then return false end
  if layer == "nas" then return false end
  if context.in_clear then return peer_by_address(context) ~= nil end
  return n.is_signalling_known(context)
end

-- Each handle is known by the node that gave it out, with what that node permits.
local function note_handles(context, values)
  for _, session in ipairs(values.sessions or {}) do
    if session.handle and session.limits then
      local key = context.link .. "|" .. context.source_address .. "|" .. session.handle
      local known = handles.get(key)
      if known then
        known.limits = session.limits
      else
        known = handles.put(key, {limits = session.limits})
      end
      if session.flows then n.add_flows(known, session.flows) end
    end
  end
end

-- QoS flows and the bearers that carry them. While a session changes, the old ones are legal too.
function n.add_flows(known, flows)
  known.flows = known.flows or {}
  for _, flow in ipairs(flows) do
    known.flows[flow.qfi] = known.flows[flow.qfi] or {}
    known.flows[flow.qfi][flow.bearer] = true
  end
end

function n.note_message(context, layer, code, message, values)
  if not context.first then return end
  if layer == "rrc" and context.in_clear then
    local peer = peer_by_address(context)
    if peer then
      peer.in_clear = true
      context.peer = peer
    end
  end
  if n.net4ai.prefs.check and not context.repeats then
    check_direction(context, layer, message)
  end
  if layer == "nas" and code == NAS_PROTECTED and context.inside_protected then
    find(context, layer, "unexpected", "Protected messages do not nest")
  end
  if layer == "nas" and not context.in_clear then note_nas_security(context, code, message, values) end
  note_beginning(context, layer, code, values)
  note_handles(context, values)
  if layer == "rrc" and code == SECURITY_MODE_FAILURE then n.forget_protection(context) end
  if layer == "rrc" and context.peer then
    for _, bearer in ipairs(values.bearers or {}) do context.peer.bearers[bearer.bearer] = bearer.mode end
  end
end

-- What the owner of a handle permits: limits, flows, session.
function n.handle_of(link, receiver, handle)
  return handles.get(link .. "|" .. receiver .. "|" .. handle)
end

-- ---------------------------------------------------------------------------------------------------------------------
-- DEP

local function message_key(session, sender, values)
  return format("%d|%s|%d|%d|%d", session.id, sender, values.qfi, values.response, values.message_id)
end

local function note_grant(context, known, values)
  if not (known and known.session) then return end
  local key = message_key(known.session, context.destination_address, values)
  grants.put(key, math.max(grants.get(key) or 0, values.limit))
end

local function check_data(context, known, values, size)
  local limits, from, length = known.limits, values.offset, values.message_length
  local segment = limits.segment_size
  if length > limits.maximum_message then
    return find(context, "dep", "message_too_large",
      format("%d octets; the receiver takes %d", length, limits.maximum_message))
  end
  local announcement = size == 0 and length > 0
  if from % segment ~= 0 or not announcement and size ~= math.min(segment, length - from) then
    return find(context, "dep", "wrong_segment",
      format("%d octets at %d; segments have %d octets", size, from, segment))
  end
  if not known.session or announcement or not n.net4ai.prefs.check_credit then return end
  local granted = grants.get(message_key(known.session, context.source_address, values)) or 0
  if from + size > math.max(granted, limits.unscheduled) then
    find(context, "dep", "credit_violation", format("Octets before %d; permitted before %d by GRANT, %d unscheduled",
      from + size, granted, limits.unscheduled), true)
  end
end

-- What the receiver of a DEP PDU would say. `values` are header and body, `size` the payload of DATA.
function n.check_dep(context, handle, kind, values, size)
  local known = n.handle_of(context.link, context.destination_address, handle)
  if kind == "GRANT" then note_grant(context, known, values) end
  if not n.net4ai.prefs.check or context.repeats or handle == 0 then return end
  if not known then
    if n.is_signalling_known(context) then
      find(context, "dep", "unknown_handle", format("No signalling gave out handle 0x%08x", handle),
        true)
    end
    return
  end
  local flows = known.flows or known.session and known.session.flows
  local bearers = flows and flows[values.qfi]
  if flows and not bearers then
    return find(context, "dep", "flow_not_configured", format("The session has no QoS flow %d", values.qfi))
  end
  if bearers and context.computing_bearer and not bearers[context.computing_bearer] then
    return find(context, "dep", "wrong_bearer",
      format("QoS flow %d is not on CRB%d", values.qfi, context.computing_bearer))
  end
  if kind == "DATA" then check_data(context, known, values, size) end
end

assert(families.rrc.messages[RRC_SETUP].name == "RRC Setup" and codes.BearerType[0] == "SRB")
