from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from members.models import Import, ImportJournal
from members.services.import_files import (
    FilesGone,
    Folder,
    NoRoom,
    Receiver,
    Upload,
    UploadRefused,
    plain_name,
    receive,
)
from members.services.imports import (
    ImportRefused,
    clean_imports,
    discard_import,
    leave_out,
    start_trial,
    start_undo,
)
from tests.db.members.imports.given import imported, orders_file, uploaded
from tests.factories import NOW

pytestmark = pytest.mark.django_db


class TestFiles:
    def test_have_names_that_are_nothing_but_names(self) -> None:
        assert plain_name("../../etc/pass\x00wd") == "passwd"
        assert plain_name("C:\\Users\\ann\\订单 1.csv") == "订单 1.csv"
        assert plain_name("..hidden") == "hidden"
        assert len(plain_name("单" * 200 + ".xlsx").encode()) <= 100

    def test_are_refused_past_the_limit_and_leave_nothing(self) -> None:
        with pytest.raises(UploadRefused) as refused:
            receive([Upload("a.csv", [b"x" * 600, b"x" * 600])], most_bytes=1000)
        assert refused.value.code == "too_large"
        assert "1000 B" in str(refused.value)
        assert not any(settings.IMPORTS_DIR.iterdir())

    @pytest.mark.parametrize(("parts", "code"), [([], "no_file"), ([Upload("a.csv", [])], "empty_file")])
    def test_are_refused_when_there_is_nothing(self, parts: list[Upload], code: str) -> None:
        with pytest.raises(UploadRefused) as refused:
            receive(parts)
        assert refused.value.code == code
        assert not any(settings.IMPORTS_DIR.iterdir())

    def test_say_that_the_disk_is_full(self) -> None:
        receiver = Receiver()
        receiver.begin("a.csv")
        receiver.finish()
        with open("/dev/full", "wb", buffering=0) as full:
            receiver._file = full
            with pytest.raises(NoRoom):
                receiver.take(b"x")
            receiver.discard()
        assert not receiver.folder.path.exists()

    def test_lie_under_names_that_nobody_guesses_and_for_our_eyes_alone(self, file: Any) -> None:
        source = uploaded(orders_file(file))
        folder = Folder(source.token).path
        assert len(folder.name) == 32
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "0" / "orders.csv").stat().st_mode & 0o777 == 0o600

    def test_can_be_left_out(self, file: Any) -> None:
        source = uploaded(*(orders_file(file, name=f"{name}.csv") for name in "abc"))
        leave_out(import_id=source.pk, name="a.csv")
        source.refresh_from_db()
        assert [path.name for path in Folder(source.token).files(source.files)] == ["b.csv", "c.csv"]

    def test_stay_where_they_are_while_somebody_tries_them(self, file: Any) -> None:
        source = uploaded(*(orders_file(file, name=f"{name}.csv") for name in "ab"))
        start_trial(import_id=source.pk, now=NOW)
        with pytest.raises(ImportRefused) as refused:
            leave_out(import_id=source.pk, name="a.csv")
        assert refused.value.code == "busy"
        assert [path.name for path in Folder(source.token).files(source.files)] == ["a.csv", "b.csv"]

    def test_go_with_a_draft_that_is_thrown_away(self, file: Any) -> None:
        source = uploaded(orders_file(file))
        discard_import(import_id=source.pk)
        assert not Import.objects.exists()
        with pytest.raises(FilesGone):
            Folder(source.token).files(source.files)


class TestCleanImports:
    def test_throws_away_what_is_old_enough(self, file: Any) -> None:
        draft = uploaded(orders_file(file))
        source = imported(orders_file(file))
        assert clean_imports(now=NOW + timedelta(days=2)) == {}
        assert clean_imports(now=NOW + timedelta(days=4)) == {"cleaned": 1, "strays": 0}
        assert not Import.objects.filter(pk=draft.pk).exists()
        assert clean_imports(now=NOW + timedelta(days=31)) == {"cleaned": 1, "strays": 0}
        source.refresh_from_db()
        assert source.cleaned_at is not None
        assert not ImportJournal.objects.exists()
        assert not Folder(source.token).path.exists()
        with pytest.raises(ImportRefused) as refused:
            start_undo(import_id=source.pk, now=NOW)
        assert refused.value.code == "too_old"
