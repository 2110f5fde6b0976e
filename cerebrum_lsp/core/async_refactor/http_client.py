"""Puts the statements that send a request inside `async with httpx.AsyncClient(…) as client`.

The smallest whole statement is wrapped: names that it binds stay visible after it. Neighbours share
one client. A call in the head of a compound statement wraps the whole statement.
"""

# ruff: noqa: N802, D102 - the visitors' names are libcst's

from collections.abc import Sequence

import libcst as cst

from cerebrum_lsp.core.async_refactor.syntax import client_arguments

Compound = cst.If | cst.While | cst.For | cst.With | cst.Try | cst.Match


class ClientBlocks(cst.CSTTransformer):
    """Keeps track of which statement needs a client; `client` is the variable's name."""

    def __init__(self, client: str) -> None:
        super().__init__()
        self.client = client
        self._needing: list[bool] = []
        self._elifs: set[cst.If] = set()
        self._blocks: list[cst.BaseSuite] = []

    def client_method(self, method: str) -> cst.Attribute:
        """Return `client.method`, and remember that the statement around needs the client."""
        if self._needing:
            self._needing[-1] = True
        return cst.Attribute(cst.Name(self.client), cst.Name(method))

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        self._needing.append(False)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement:
        return self._wrapped(updated_node) if self._needing.pop() else updated_node

    def visit_If(self, node: cst.If) -> None:
        self._needing.append(False)
        if isinstance(node.orelse, cst.If):
            self._elifs.add(node.orelse)

    def visit_While(self, node: cst.While) -> None:
        self._needing.append(False)

    def visit_For(self, node: cst.For) -> None:
        self._needing.append(False)

    def visit_With(self, node: cst.With) -> None:
        self._needing.append(False)

    def visit_Match(self, node: cst.Match) -> None:
        self._needing.append(False)

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.BaseStatement:
        if original_node in self._elifs:
            needs = self._needing.pop()
            self._needing[-1] = self._needing[-1] or needs
            return updated_node
        return self.leave_block(original_node, updated_node)

    def leave_While(self, original_node: cst.While, updated_node: cst.While) -> cst.BaseStatement:
        return self.leave_block(original_node, updated_node)

    def leave_Match(self, original_node: cst.Match, updated_node: cst.Match) -> cst.BaseStatement:
        return self.leave_block(original_node, updated_node)

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        return updated_node.with_changes(body=self._merged(updated_node.body))

    def leave_block(self, original_node: Compound, updated_node: Compound) -> cst.BaseStatement:
        """Wrap a compound statement if its head needs the client."""
        return self._wrapped(updated_node) if self._needing.pop() else updated_node

    def _wrapped(self, statement: cst.SimpleStatementLine | Compound) -> cst.With:
        opened = cst.Call(cst.parse_expression("httpx.AsyncClient"), client_arguments())
        block = cst.With(
            asynchronous=cst.Asynchronous(),
            items=[cst.WithItem(opened, cst.AsName(cst.Name(self.client)))],
            body=cst.IndentedBlock([statement.with_changes(leading_lines=[])]),
            leading_lines=statement.leading_lines,
        )
        self._blocks.append(block.body)
        return block

    def _merged(self, body: Sequence[cst.BaseStatement]) -> list[cst.BaseStatement]:
        merged: list[cst.BaseStatement] = []
        for statement in body:
            before = merged[-1] if merged else None
            if isinstance(before, cst.With) and isinstance(statement, cst.With):
                together = self._together(before, statement)
                if together is not None:
                    merged[-1] = together
                    continue
            merged.append(statement)
        return merged

    def _together(self, first: cst.With, second: cst.With) -> cst.With | None:
        """Return both blocks as one if both were made here."""
        if not (self._is_own(first) and self._is_own(second)):
            return None
        inner = second.body.body
        opening = inner[0].with_changes(leading_lines=second.leading_lines)
        body = first.body.with_changes(body=[*first.body.body, opening, *inner[1:]])
        self._blocks.append(body)
        return first.with_changes(body=body)

    def _is_own(self, block: cst.With) -> bool:
        return any(block.body is body for body in self._blocks)
