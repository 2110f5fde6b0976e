(function_definition name: (word) @name body: (_) @body) @definition.function
(program (variable_assignment name: (variable_name) @name) @definition.variable)
(program (declaration_command
  (variable_assignment name: (variable_name) @name)) @definition.variable)
(comment) @comment

((command name: (command_name) @source . argument: (_) @module) @import
  (#match? @source "^(source|\\.)$"))

(command name: (command_name (word) @reference.call))
(variable_name) @reference.name
