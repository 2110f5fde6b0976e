--- The answer to "why no completion?" as lines.

local M = {}

local STAGES = {
  { "daemon_ms", "daemon" },
  { "orchestrator_ms", "orchestrator" },
  { "node_queue_ms", "queue" },
  { "node_load_ms", "loading" },
  { "prefill_ms", "reading the prompt" },
  { "decode_ms", "writing" },
}

local function is_number(value)
  return type(value) == "number"
end

---@param record table
---@return string[]
local function lines_of(record)
  local lines = {
    ("%s  line %d, %s: %s"):format(
      os.date("%H:%M:%S", math.floor(record.at)),
      record.line + 1,
      record.trigger,
      record.outcome
    ),
  }
  if type(record.explanation) == "string" then
    table.insert(lines, "    " .. record.explanation)
  end
  local times = {}
  for _, stage in ipairs(STAGES) do
    local spent = (record.stages or {})[stage[1]]
    if is_number(spent) then
      table.insert(times, ("%s %.0f ms"):format(stage[2], spent))
    end
  end
  if is_number(record.tokens_per_s) then
    table.insert(times, ("%.1f tokens/s"):format(record.tokens_per_s))
  end
  if #times > 0 then
    table.insert(lines, "    " .. table.concat(times, ", "))
  end
  return lines
end

---@param records table[] newest first
---@return string[]
function M.lines(records)
  if #records == 0 then
    return { "No completion was asked for yet." }
  end
  return vim.iter(records):map(lines_of):flatten():totable()
end

return M
