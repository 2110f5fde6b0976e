; Definitions. The node with the kind is the whole definition, decorators included.
(decorated_definition
  definition: (class_definition name: (identifier) @name body: (block) @body)) @definition.class
(class_definition name: (identifier) @name body: (block) @body) @definition.class
(decorated_definition
  definition: (function_definition name: (identifier) @name body: (block) @body)) @definition.function
(function_definition name: (identifier) @name body: (block) @body) @definition.function

; Module variables, also those that an `if` or a `try` at the top defines.
(module (expression_statement (assignment left: (identifier) @name)) @definition.variable)
(module (expression_statement
  (assignment left: (pattern_list (identifier) @name))) @definition.variable)
(module (if_statement consequence: (block
  (expression_statement (assignment left: (identifier) @name)) @definition.variable)))
(module (if_statement (else_clause body: (block
  (expression_statement (assignment left: (identifier) @name)) @definition.variable))))
(module (try_statement body: (block
  (expression_statement (assignment left: (identifier) @name)) @definition.variable)))
(module (try_statement (except_clause (block
  (expression_statement (assignment left: (identifier) @name)) @definition.variable))))
(module (type_alias_statement left: (type (identifier) @name)) @definition.type)

; Attributes: in the class's body, or through self.
(class_definition body: (block
  (expression_statement (assignment left: (identifier) @name)) @definition.field))
(class_definition body: (block
  (expression_statement (assignment left: (pattern_list (identifier) @name))) @definition.field))
((assignment left: (attribute object: (identifier) @self attribute: (identifier) @name))
  @definition.field (#eq? @self "self"))

(module . (expression_statement (string) @doc))
(block . (expression_statement (string) @doc))

; Imports.
(import_statement name: (dotted_name) @module) @import
(import_statement
  name: (aliased_import name: (dotted_name) @module alias: (identifier) @alias)) @import
(import_from_statement module_name: (_) @module name: (dotted_name) @imported) @import
(import_from_statement module_name: (_) @module
  name: (aliased_import name: (dotted_name) @imported alias: (identifier) @alias)) @import
(import_from_statement module_name: (_) @module (wildcard_import) @star) @import

; References.
(call function: (identifier) @reference.call)
(call function: (attribute attribute: (identifier) @reference.call))
(decorator (identifier) @reference.call)
(decorator (attribute attribute: (identifier) @reference.call))
(class_definition superclasses: (argument_list (identifier) @reference.type))
(class_definition superclasses: (argument_list (attribute attribute: (identifier) @reference.type)))
(type (identifier) @reference.type)
(type (attribute attribute: (identifier) @reference.type))
(type (generic_type (identifier) @reference.type))
(type (binary_operator (identifier) @reference.type))
(attribute attribute: (identifier) @reference.name)
(identifier) @reference.name
