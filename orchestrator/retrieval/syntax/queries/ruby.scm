(module name: (_) @name body: (_)? @body) @definition.module
(class name: (_) @name body: (_)? @body) @definition.class
(method name: (_) @name body: (_)? @body) @definition.function
(singleton_method name: (_) @name body: (_)? @body) @definition.function
(assignment left: (constant) @name) @definition.variable
((call method: (identifier) @accessor arguments: (argument_list (simple_symbol) @name))
  @definition.field (#match? @accessor "^attr_(reader|writer|accessor)$"))
(comment) @comment

((call method: (identifier) @require arguments: (argument_list (string (string_content) @module)))
  @import (#match? @require "^(require|require_relative|load)$"))

(call method: (identifier) @reference.call)
(class superclass: (superclass (constant) @reference.type))
(constant) @reference.name
(identifier) @reference.name
