(export_statement declaration: (class_declaration
  name: (type_identifier) @name body: (_) @body)) @definition.class
(class_declaration name: (type_identifier) @name body: (_) @body) @definition.class
(export_statement declaration: (abstract_class_declaration
  name: (type_identifier) @name body: (_) @body)) @definition.class
(abstract_class_declaration name: (type_identifier) @name body: (_) @body) @definition.class
(export_statement declaration: (interface_declaration
  name: (type_identifier) @name body: (_) @body)) @definition.interface
(interface_declaration name: (type_identifier) @name body: (_) @body) @definition.interface
(export_statement declaration: (type_alias_declaration
  name: (type_identifier) @name)) @definition.type
(type_alias_declaration name: (type_identifier) @name) @definition.type
(export_statement declaration: (enum_declaration
  name: (identifier) @name body: (_) @body)) @definition.enum
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum
(internal_module name: (_) @name body: (_) @body) @definition.module
(module name: (_) @name body: (_) @body) @definition.module
(export_statement declaration: (function_declaration
  name: (identifier) @name body: (_) @body)) @definition.function
(export_statement declaration: (generator_function_declaration
  name: (identifier) @name body: (_) @body)) @definition.function
(function_declaration name: (identifier) @name body: (_) @body) @definition.function
(generator_function_declaration name: (identifier) @name body: (_) @body) @definition.function
(function_signature name: (identifier) @name) @definition.function
(method_definition name: (_) @name body: (_) @body) @definition.method
(method_signature name: (_) @name) @definition.method
(abstract_method_signature name: (_) @name) @definition.method
(public_field_definition name: (_) @name) @definition.field
(interface_body (property_signature name: (_) @name) @definition.field)

(export_statement declaration: (lexical_declaration (variable_declarator
  name: (identifier) @name value: (arrow_function body: (_) @body)))) @definition.function
(lexical_declaration (variable_declarator
  name: (identifier) @name value: (arrow_function body: (_) @body))) @definition.function
(lexical_declaration (variable_declarator
  name: (identifier) @name value: (function_expression body: (_) @body))) @definition.function
(export_statement declaration: (lexical_declaration
  (variable_declarator name: (identifier) @name))) @definition.variable
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable)
(program (variable_declaration (variable_declarator name: (identifier) @name)) @definition.variable)
(comment) @comment

(import_statement . (string) @module) @import
(import_statement (import_clause (identifier) @alias) @default source: (string) @module) @import
(import_statement (import_clause (namespace_import (identifier) @alias)) source: (string) @module)
  @import
(import_statement (import_clause (named_imports (import_specifier
  name: (_) @imported alias: (identifier)? @alias))) source: (string) @module) @import
(export_statement (export_clause (export_specifier
  name: (_) @imported alias: (_)? @alias)) source: (string) @module) @import @reexport
(export_statement "*" @star source: (string) @module) @import @reexport
(export_statement (namespace_export (_) @alias) source: (string) @module) @import @reexport
(import_statement (import_require_clause (identifier) @alias source: (string) @module)) @import
((variable_declarator name: (identifier) @alias
  value: (call_expression function: (identifier) @require arguments: (arguments (string) @module)))
  @import (#eq? @require "require"))

(call_expression function: (identifier) @reference.call)
(call_expression function: (member_expression property: (property_identifier) @reference.call))
(new_expression constructor: (identifier) @reference.call)
(type_identifier) @reference.type
(property_identifier) @reference.name
(shorthand_property_identifier) @reference.name
(identifier) @reference.name
