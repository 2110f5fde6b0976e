--- What is offered at a place, and what is left of it: plain text, no editor.

local M = {}

--- The part of `text` that "accept the next word" takes: blanks and the word or the signs after them.
---@param text string
---@return string
function M.word(text)
  -- Bytes from 128 on are letters of other scripts here: a character is never cut.
  return text:match("^%s*[%w_\128-\255]+") or text:match("^%s*[^%s%w_\128-\255]+") or text
end

--- The part that "accept the line" takes: up to the next line break that has something before it.
---@param text string
---@return string
function M.line(text)
  return text:match("^\n*[^\n]+") or text
end

---@param text string
---@return string
function M.whole(text)
  return text
end

--- What is left of `text` when `typed` was typed; nil when it doesn't agree, or nothing is left.
---@param text string
---@param typed string
---@return string?
function M.rest(text, typed)
  if #typed < #text and vim.startswith(text, typed) then
    return text:sub(#typed + 1)
  end
end

return M
