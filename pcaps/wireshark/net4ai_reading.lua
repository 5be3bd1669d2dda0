-- What is known of a frame, what is remembered of a capture, and reading structures as the field table says.

local n = ... -- what the parts of the plugin share
if type(n) ~= "table" then return end -- Wireshark runs every file of the folder; net4ai.lua loads this one

local byte, sub, format, concat, floor = string.byte, string.sub, string.format, table.concat, math.floor
local expert, shared, json = n.expert, n.shared, n.json

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

local MAXIMUM_FRAMES = 2000000
local frames -- frame number: what was found out about it
local forget = {} -- what each part of the plugin does when another capture is opened

local function on_new_capture(action)
  forget[#forget + 1] = action
  action()
end

function n.net4ai.init()
  for _, action in ipairs(forget) do action() end
end

on_new_capture(function() frames = bounded(MAXIMUM_FRAMES) end)

-- Everything about the frame at hand that is not its bytes. `link` is "Uu", "N2" ...: fields, the interface among them,
-- cannot be asked for, because Wireshark may read a file for the first time without building trees.
local function new_context(pinfo, root, link)
  local context = {pinfo = pinfo, root = root, number = pinfo.number, first = not pinfo.visited, info = {}, link = link}
  context.record = frames.get(context.number)
  if context.first then
    context.source_address, context.destination_address = tostring(pinfo.src), tostring(pinfo.dst)
    context.source = context.source_address .. ":" .. pinfo.src_port
    context.destination = context.destination_address .. ":" .. pinfo.dst_port
    context.leg = context.source .. ">" .. context.destination
    context.way_back = context.destination .. ">" .. context.source
    context.time = pinfo.rel_ts
  end
  return context
end

-- The record of the frame, to write to.
local function record_of(context)
  if not context.record then context.record = frames.put(context.number, {}) end
  return context.record
end

-- Something a receiver would say of this frame: found on the first pass, shown with its layer on every pass. `ordered`:
-- it is true only if what went one way was captured in order with what went the other.
local function find(context, layer, name, text, ordered)
  local record = record_of(context)
  record.found = record.found or {}
  record.found[#record.found + 1] = {layer = layer, expert = expert[name], text = text, ordered = ordered}
end

-- On T8 and N3 each end captures what it receives, so the two ways are not in order.
local function is_ordered()
  local interface = n.interface_name()
  local name = interface and tostring(interface.value)
  return name ~= "T8" and name ~= "N3"
end

local function show_found(context, layer, tree)
  for _, item in ipairs(context.record and context.record.found or {}) do
    if item.layer == layer and (not item.ordered or is_ordered()) then
      tree:add_proto_expert_info(item.expert, item.text)
    end
  end
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
    if visible or tree:referenced(field.field) then
      item = tree:add(field.field, reader.tvb(at, size))
      if field.quiet and value == 0 then item:set_hidden() end
    end
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
  if stop == start then item:set_hidden() end
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

n.bounded, n.on_new_capture = bounded, on_new_capture
n.new_context, n.record_of, n.finish, n.add_generated, n.add_time = new_context, record_of, finish, add_generated, add_time
n.find, n.show_found = find, show_found
n.new_reader, n.number, n.read_parts, n.malformed, n.missing = new_reader, number, read_parts, malformed, missing
