"""Who may ask for a reply, and when: at most one ``response.create`` is under way, and no wish is ever lost (P8).

The service allows one response at a time and starts some by itself (voice activity detection). So wishes queue here.
Automatic ones (a message, a tool's output) coalesce: one reply answers them all. Manual ones (with a body of their own)
never do. A create that loses the race against a response of the service's own is sent again when that one is done.

Which response answers a manual wish is told by the service itself: the wish's id goes out in the response's metadata, and
``response.created`` gives that back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from offhook.config import UNSET
from offhook.realtime.server_events import ErrorBody
from offhook.wire.codec import as_object

ACTIVE_RESPONSE = "conversation_already_has_active_response"
#: Where a response's metadata names the wish.
_REQUEST = "offhook_request"
Frame = dict[str, Any]
#: More than are ever on their way to a service at once.
_REMEMBERED = 8


@frozen
class _Wish:
    """A reply somebody wants. ``frame`` is the create to send as it is; ``None`` for an automatic wish."""

    frame: Mapping[str, Any] | None = None
    request_id: str | None = None


@define
class _Attempt:
    """The create that is under way, and the wishes it answers."""

    event_id: str
    wishes: list[_Wish]

    @property
    def request_id(self) -> str | None:
        """Of the wish that it stands for; automatic ones have none."""
        return self.wishes[0].request_id


@define
class ResponseScheduler:
    """Decides which ``response.create`` and ``response.cancel`` frames go out. No I/O: methods give frames to send."""

    new_id: Callable[[str], str]
    active_id: str | None = field(init=False, default=None)
    _cancelling: bool = field(init=False, default=False)
    #: The service said that a response is active before telling us which.
    _blocked: bool = field(init=False, default=False)
    _wishes: deque[_Wish] = field(init=False, factory=deque[_Wish])
    _attempt: _Attempt | None = field(init=False, default=None)
    #: Attempts that the end of a response answered, as far as anyone can tell: one that was still on its way to the
    #: service may yet lose its race.
    _presumed: deque[_Attempt] = field(init=False, factory=lambda: deque[_Attempt](maxlen=_REMEMBERED))

    @property
    def busy(self) -> bool:
        """Whether a reply is under way or has been asked for."""
        return self.active_id is not None or self._attempt is not None or self._blocked

    def request(self, frame: Mapping[str, Any] | None = None, request_id: str | None = None) -> list[Frame]:
        """Want a reply: an automatic one, or exactly the ``response.create`` given."""
        self._wishes.append(_Wish(frame, request_id))
        return self._next()

    def cancel(self) -> list[Frame]:
        """Stop the active response: once, however often it is asked."""
        if self.active_id is None or self._cancelling:
            return []
        self._cancelling = True
        return [{"type": "response.cancel", "event_id": self.new_id("cancel")}]

    def created(self, response_id: str, metadata: Any = UNSET) -> str | None:
        """A response began; gives the id of the wish that it answers, if any.

        From a service without ``metadata`` nobody knows whether it is ours: it counts as such, and if it was not, a later
        one will have the same id. The attempt is kept until ``done``: its rejection would still come before that.
        """
        self.active_id = response_id
        self._cancelling = False
        if metadata is not UNSET:
            return _wish_of(metadata)
        return self._attempt.request_id if self._attempt else None

    def done(self, response_id: str) -> list[Frame]:
        """A response ended, in whatever status; the next wish may go out."""
        if self.active_id in (response_id, None):
            if self._attempt is not None:
                self._presumed.append(self._attempt)
            self.active_id = self._attempt = None
            self._cancelling = self._blocked = False
        return self._next()

    def failed(self, error: ErrorBody) -> list[Frame]:
        """The service refused something. If it was our create, its wishes are asked for again, or dropped if hopeless."""
        attempt = self._refused(error)
        if attempt is None:
            return []
        lost_the_race = error.code == ACTIVE_RESPONSE
        again = attempt.wishes if lost_the_race else attempt.wishes[1:]
        self._wishes.extendleft(reversed(again))
        self._blocked = lost_the_race and self.active_id is None
        return self._next()

    def ended_by(self, error: ErrorBody) -> str | None:
        """Give the id of the wish that will not be answered because of ``error``; ask this before ``failed``."""
        if error.code == ACTIVE_RESPONSE:
            return None
        if self._attempt is not None and _is_about(error, self._attempt.event_id):
            return self._attempt.request_id
        late = (attempt.request_id for attempt in self._presumed if attempt.event_id == error.event_id)
        return next(late, None)

    def _refused(self, error: ErrorBody) -> _Attempt | None:
        """Give the attempt that the error is about, and take it out."""
        if self._attempt is not None and _is_about(error, self._attempt.event_id):
            attempt, self._attempt = self._attempt, None
            return attempt
        for attempt in reversed(self._presumed):
            if error.code == ACTIVE_RESPONSE and _is_about(error, attempt.event_id):
                self._presumed.remove(attempt)
                return attempt
        return None

    def _next(self) -> list[Frame]:
        if self.busy or not self._wishes:
            return []
        wishes = [self._wishes.popleft()]
        if wishes[0].frame is None:
            while self._wishes and self._wishes[0].frame is None:
                wishes.append(self._wishes.popleft())
        frame: Frame = {"type": "response.create", "event_id": self.new_id("create"), **(wishes[0].frame or {})}
        self._attempt = _Attempt(frame["event_id"], wishes)
        return [frame]


def tagged(response: Mapping[str, Any], request_id: str) -> Frame:
    """Give the create of ``response`` with the wish's id in its metadata."""
    metadata = {**as_object(response.get("metadata")), _REQUEST: request_id}
    return {"type": "response.create", "response": {**response, "metadata": metadata}}


def _wish_of(metadata: Any) -> str | None:
    request_id = as_object(metadata).get(_REQUEST)
    return request_id if isinstance(request_id, str) else None


def _is_about(error: ErrorBody, event_id: str) -> bool:
    if error.event_id is not None:
        return error.event_id == event_id
    code = error.code or ""
    return code == ACTIVE_RESPONSE or "response_create" in code or "response.create" in error.message
