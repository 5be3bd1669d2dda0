-- Enough of Wireshark's Lua interface to run the plugin without Wireshark. Numbers are taken as Wireshark takes them:
-- a number with a fraction where a whole one belongs is an error under Lua 5.4. What is shown goes into `log`.

log = {}

local function note(...)
  local parts = {...}
  for index, part in ipairs(parts) do
    parts[index] = type(part) == "number" and string.format("%.17g", part) or tostring(part)
  end
  log[#log + 1] = table.concat(parts, " ")
end

local function whole(value)
  assert(type(value) == "number" and value == math.floor(value), "not a whole number: " .. tostring(value))
  return value
end

local new_tvb

local range_methods = {}
local range_class = {__index = range_methods}
function range_methods:tvb() return new_tvb(self.bytes) end
function range_methods:string() return self.bytes end
function range_methods:raw() return self.bytes end
function range_methods:uint()
  local value = 0
  for index = 1, #self.bytes do value = value * 256 + self.bytes:byte(index) end
  return value
end

local tvb_methods = {}
function tvb_methods:len() return #self.bytes end
tvb_methods.reported_len = tvb_methods.len
function tvb_methods:raw(at, size)
  at = whole(at or 0)
  return self.bytes:sub(at + 1, at + whole(size or #self.bytes - at))
end
local tvb_class = {__index = tvb_methods}
function tvb_class.__call(self, at, size)
  at = whole(at or 0)
  size = whole(size or #self.bytes - at)
  assert(at >= 0 and size >= 0 and at + size <= #self.bytes, "range out of bounds")
  return setmetatable({at = at, size = size, bytes = self.bytes:sub(at + 1, at + size)}, range_class)
end
function new_tvb(bytes) return setmetatable({bytes = bytes}, tvb_class) end

local item_class = {}
item_class.__index = item_class
function item_class:add(field, range, value)
  if type(range) == "table" and range.at then
    if value ~= nil and field.kind:find("^uint") then whole(value) end
    note("add", field.name, range.at, range.size, value or "")
  else
    if field.kind == "framenum" or field.kind:find("^uint") then whole(range) end
    note("add", field.name, type(range) == "table" and range.text or range)
  end
  return setmetatable({visible = self.visible}, item_class)
end
function item_class:add_proto_expert_info(expert_info, text) note("expert", expert_info.name, text or "") end
function item_class:append_text(text) note("append", text) end
function item_class:set_len(length) assert(whole(length) >= 0) end
function item_class:set_generated() return self end
function item_class:set_hidden() return self end
function item_class:referenced() return true end

protocols = {}
function Proto(name)
  local protocol = {name = name, kind = "protocol", fields = {}, experts = {}, prefs = {}}
  function protocol:register_heuristic(_, action) heuristic = action end
  protocols[name] = protocol
  return protocol
end
ProtoField = setmetatable({}, {__index = function(_, kind)
  return function(name) return {name = name, kind = kind} end
end})
ProtoExpert = {new = function(name) return {name = name} end}
local anything = setmetatable({}, {__index = function(_, name) return name end})
base, frametype = anything, anything
expert = {group = anything, severity = anything}
local function default_of(_, default) return default end
Pref = {range = default_of, uint = default_of, bool = default_of}
Field = {new = function() return function() return nil end end}
Dissector = {get = function() error("no such dissector") end}
DissectorTable = {get = function() return {add = function() end, remove = function() end} end}
NSTime = {new = function(seconds, nanoseconds) return {text = whole(seconds) .. "." .. whole(nanoseconds)} end}
ByteArray = {new = function(bytes) return {tvb = function() return new_tvb(bytes) end} end}
ENC_UTF_8, DESEGMENT_ONE_MORE_SEGMENT, MENU_TOOLS_UNSORTED = 2, 268435455, 1
function register_postdissector(protocol) postdissector = protocol.name end

-- Menu entries open windows; `windows` holds the text of each by its title.
menus, windows = {}, {}
function gui_enabled() return true end
function register_menu(name, action) menus[name] = action end
Listener = {new = function() return {remove = function() end} end}
TextWindow = {new = function(title)
  return {set = function(_, text) windows[title] = text end, set_atclose = function(_, action) action() end}
end}

-- Dissects one packet; gives what was shown, a line each.
function dissect(name, bytes, number, visited, source, source_port, destination, destination_port)
  log = {}
  local texts, column = {}, {fence = function() end}
  local columns = setmetatable({}, {
    __index = function() return column end,
    __newindex = function(_, name, text) texts[name] = text end,
  })
  local pinfo = {number = number, visited = visited, src = source, dst = destination, src_port = source_port,
    dst_port = destination_port, rel_ts = number * 0.001, can_desegment = 0, cols = columns}
  protocols[name].dissector(new_tvb(bytes), pinfo, setmetatable({visible = true}, item_class))
  note("columns", texts.protocol, texts.info)
  return table.concat(log, "\n")
end

setmetatable(_G, {__index = function(_, name)
  if name ~= "net4ai_is_loaded" then error("unknown global " .. name) end
end})
