"""What a channel is: the way a message leaves the building."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from django.utils.functional import Promise

from core.registry import Store


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a provider gets it. `key` is the same at every attempt. `unsubscribe_url`: one click ends it."""

    key: str
    to: str
    subject: str
    body: str
    unsubscribe_url: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider took the message."""

    provider_id: str = ""


class ChannelError(Exception):
    """The provider did not take the message, or did not say.

    `permanent`: trying again will not help. `handed_over`: it may have been taken all the same, so only a provider that
    honours keys may be asked again. `no_such_address`: nothing will ever arrive there.
    """

    def __init__(
        self, message: str, *, permanent: bool = False, handed_over: bool = False, no_such_address: bool = False
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.handed_over = handed_over
        self.no_such_address = no_such_address


class Channel(ABC):
    """One way out. `address_field` names the member's column that holds the address."""

    code: ClassVar[str]
    label: ClassVar[str | Promise]
    address_field: ClassVar[str]
    has_subject: ClassVar[bool] = False

    @property
    @abstractmethod
    def honours_keys(self) -> bool:
        """Whether the provider takes two messages with one key as one."""

    @abstractmethod
    def send(self, *, message: Message) -> Receipt:
        """This function will hand a message to the provider or raise ChannelError; in a thread, without a database."""


channels: Store[Channel] = Store()
