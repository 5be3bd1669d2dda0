-- Statistics of a capture: DEP sessions and procedures. In Wireshark under Tools > NET4AI; tshark prints them at its end
-- with -o net4ai.statistics:TRUE. They are of the whole capture, whatever the display filter.

local n = ... -- what the parts of the plugin share
if type(n) ~= "table" then return end -- Wireshark runs every file of the folder; net4ai.lua loads this one

local format, concat, floor = string.format, table.concat, math.floor

local MAXIMUM_ROWS = 10000

local sessions, procedures -- rows by key; in order of their first packet under 1, 2, 3 ...

n.on_new_capture(function() sessions, procedures = {}, {} end)

local function row_of(rows, key, new)
  local row = rows[key]
  if not row and #rows < MAXIMUM_ROWS then
    row = new()
    rows[key], rows[#rows + 1] = row, row
  end
  return row
end

-- ---------------------------------------------------------------------------------------------------------------------
-- DEP sessions, each over all its handles

local function session_row(context, session)
  local network, other, text, key = nil, nil, nil, nil
  if session then
    network, other = session.network, session.other
    if session.session then
      text = format("session %d", session.session)
    else
      text = format("execution %d seat %d", session.execution, session.seat)
    end
    key = concat({context.link, network, other, context.c_rnti or "", text}, "|")
  else
    network, other = context.source_address, context.destination_address
    if network > other then network, other = other, network end
    text = "signalling not seen"
    key = concat({context.link, network, other, context.c_rnti or ""}, "|")
  end
  return row_of(sessions, key, function()
    return {link = context.link, network = network, other = other, c_rnti = context.c_rnti or 0, text = text,
      messages = 0, octets = 0, pdus = 0, repeated = 0, answers = 0, time = 0, longest = 0, transit = {}, jitter = {}}
  end)
end

-- One DATA PDU of `size` octets of payload, of which `new` are new.
function n.count_data(context, session, size, repeated)
  local row = session_row(context, session)
  if not row then return end
  row.pdus, row.octets = row.pdus + 1, row.octets + size
  if repeated then row.repeated = row.repeated + 1 end
end

-- A message is whole; `time` is that from the request to this answer, or nil.
function n.count_dep_message(context, session, time)
  local row = session_row(context, session)
  if not row then return end
  row.messages = row.messages + 1
  if time then
    row.answers, row.time, row.longest = row.answers + 1, row.time + time, math.max(row.longest, time)
  end
end

-- Jitter as in RFC 3550 6.4.1, for each direction, of PDUs that carry a timestamp.
function n.count_timestamp(context, session, timestamp)
  local row = session_row(context, session)
  if not row then return end
  local way = context.source_address
  local transit = context.time * 1e6 - timestamp
  if row.transit[way] then
    local difference = math.abs(transit - row.transit[way]) % 4294967296
    difference = math.min(difference, 4294967296 - difference)
    row.jitter[way] = (row.jitter[way] or 0) + (difference - (row.jitter[way] or 0)) / 16
  end
  row.transit[way] = transit
end

-- ---------------------------------------------------------------------------------------------------------------------
-- Procedures: requests, and how they were answered

-- A request, or with `answer` what answers it after `time` seconds.
function n.count_procedure(layer, request, answer, time)
  local row = row_of(procedures, layer .. "|" .. request, function()
    return {layer = layer, name = request, count = 0, answers = 0, refused = 0, time = 0, longest = 0}
  end)
  if not row then return end
  if not answer then
    row.count = row.count + 1
    return
  end
  row.answers, row.time, row.longest = row.answers + 1, row.time + time, math.max(row.longest, time)
  if answer:find("Reject") or answer:find("Failure") or answer == "Refuse" then row.refused = row.refused + 1 end
end

-- ---------------------------------------------------------------------------------------------------------------------
-- Text

local function milliseconds(value) return value and format("%.3f", value * 1000) or "-" end

-- Columns as wide as their widest entry; the first `left` ones begin at the left.
local function lay_out(titles, rows, left)
  local widths, lines = {}, {}
  table.insert(rows, 1, titles)
  for _, row in ipairs(rows) do
    for column, text in ipairs(row) do widths[column] = math.max(widths[column] or 0, #text) end
  end
  for index, row in ipairs(rows) do
    local cells = {}
    for column, text in ipairs(row) do
      cells[column] = format("%" .. (column <= left and "-" or "") .. widths[column] .. "s", text)
    end
    lines[index] = (concat(cells, "  "):gsub("%s+$", ""))
  end
  return concat(lines, "\n")
end

local function session_text()
  local rows = {}
  for index, row in ipairs(sessions) do
    local jitter
    for _, value in pairs(row.jitter) do jitter = math.max(jitter or 0, value) end
    rows[index] = {row.link, row.network, row.other, format("%d", row.c_rnti), row.text,
      format("%d", row.messages), format("%d", row.octets), format("%d", row.pdus), format("%d", row.repeated),
      format("%d", row.answers), milliseconds(row.answers > 0 and row.time / row.answers or nil),
      milliseconds(row.answers > 0 and row.longest or nil), jitter and format("%d", floor(jitter)) or "-"}
  end
  return lay_out({"Link", "Network side", "Peer", "C-RNTI", "Session", "Messages", "Octets", "DATA", "Again", "Answers",
    "Mean ms", "Max ms", "Jitter us"}, rows, 3)
end

local function procedure_text()
  local rows = {}
  for index, row in ipairs(procedures) do
    rows[index] = {row.layer, row.name, format("%d", row.count), format("%d", row.answers), format("%d", row.refused),
      milliseconds(row.answers > 0 and row.time / row.answers or nil),
      milliseconds(row.answers > 0 and row.longest or nil)}
  end
  return lay_out({"Protocol", "Request", "Count", "Answered", "Refused", "Mean ms", "Max ms"}, rows, 2)
end

local TABLES = {{"DEP sessions", session_text}, {"Procedures", procedure_text}}
n.statistics = TABLES

-- ---------------------------------------------------------------------------------------------------------------------
-- Where they are shown

local function open_window(title, text)
  local window, tap = TextWindow.new("NET4AI: " .. title), Listener.new()
  window:set(text())
  function tap.draw() window:set(text()) end -- the capture goes on, or another one was opened
  window:set_atclose(function() tap:remove() end)
end

local printing

-- For tshark: called whenever the preferences have changed.
function n.print_statistics(wanted)
  if not wanted or printing or gui_enabled() then return end
  printing = Listener.new()
  function printing.draw()
    for _, item in ipairs(TABLES) do print("\nNET4AI: " .. item[1] .. "\n" .. item[2]()) end
  end
end

if gui_enabled() then
  for _, item in ipairs(TABLES) do
    register_menu("NET4AI/" .. item[1], function() open_window(item[1], item[2]) end, MENU_TOOLS_UNSORTED)
  end
end
