"""Routes for the requests that somebody waits for."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from cerebrum_kit.errors import InvalidRequestError

Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class BodyRoute(APIRoute):
    """A route `(request, body) -> Response` that parses its body straight into `body`'s model.

    FastAPI describes it as any other. But its own way from bytes to a model, over objects and a
    solver of dependencies, takes longer than all that an orchestrator does with a request before a
    node has it. Dependencies are checks here: each gets the request, and nothing of its answer.
    Routes without a body are left to FastAPI.
    """

    def get_route_handler(self) -> Handle:
        """Return what answers a request."""
        if self.body_field is None:
            return super().get_route_handler()
        model = cast("type[BaseModel]", self.body_field.field_info.annotation)
        checks = [each.dependency for each in self.dependencies if each.dependency]
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            for check in checks:
                await check(request)
            refuse_unasked_pages(request)
            try:
                body = model.model_validate_json(await request.body())
            except ValidationError as error:
                raise RequestValidationError(error.errors(include_input=False)) from None
            response: Response = await endpoint(request, body)
            return response

        return handle


def refuse_unasked_pages(request: Request) -> None:
    """Raise InvalidRequestError if a web page sent this without asking whether it may.

    A browser asks first before a page of another origin may send JSON, and is told no; as text it
    sends the same to any address, this machine's own among them. Other clients may call JSON what
    they like: curl calls it a form.
    """
    is_json = request.headers.get("content-type", "").startswith("application/json")
    if not is_json and "origin" in request.headers:
        raise InvalidRequestError("a page in a browser must send its request as application/json")
