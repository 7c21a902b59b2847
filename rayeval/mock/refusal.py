"""拒绝：不合法的请求怎样回答，错误体照 vLLM 的写法。"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

_KINDS = {
    HTTPStatus.BAD_REQUEST: "BadRequestError",
    HTTPStatus.NOT_FOUND: "NotFoundError",
    HTTPStatus.INTERNAL_SERVER_ERROR: "InternalServerError",
}


class Refused(Exception):  # noqa: N818 这是对请求的答复，不是本服务的错
    """请求不合法；`status` 是 HTTP 状态码，`param` 是惹祸的参数名。"""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        kind: str | None = None,
        why: str = "",
    ) -> None:
        """收下要写进错误体的话；`why` 不进错误体，是 type、range、model、context 或空。"""
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
        self.why = why
        self.kind = kind or _KINDS.get(status, status.phrase)

    def body(self) -> dict[str, Any]:
        """错误体：{"error": {message, type, param, code}}。"""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": int(self.status),
            }
        }
