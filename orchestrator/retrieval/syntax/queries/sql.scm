(create_table (object_reference name: (identifier) @name) (column_definitions) @body)
  @definition.table
(column_definition name: (identifier) @name) @definition.field
(create_view (object_reference name: (identifier) @name) (create_query) @body) @definition.table
(create_function (object_reference name: (identifier) @name) (function_body) @body)
  @definition.function
(create_index column: (identifier) @name) @definition.variable
[(comment) (marginalia)] @comment

(invocation (object_reference name: (identifier) @reference.call))
(relation (object_reference name: (identifier) @reference.type))
(identifier) @reference.name
