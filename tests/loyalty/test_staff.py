"""Outlets, people, invitations, keys of tills, wrong tries, passwords."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from loyalty import errors, events, staff, tokens
from loyalty.db import Database

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def an_outlet(db: Database, name: str = "Tverskaya 1") -> staff.Outlet:
    return await db.transact(
        lambda s: staff.add_outlet(s, name=name, time_zone="Europe/Moscow", now=NOW)
    )


async def somebody(db: Database, role: str = staff.CASHIER, name: str = "Anna") -> staff.Staff:
    def unit(session):
        where = staff.find_outlet(session, name="Tverskaya 1") or staff.add_outlet(
            session, name="Tverskaya 1", time_zone="Europe/Moscow", now=NOW
        )
        outlet_id = where.id if role == staff.CASHIER else None
        return staff.add(
            session, name=name, role=role, outlet_id=outlet_id, now=NOW, actor="system"
        )

    return await db.transact(unit)


async def event_types(db: Database) -> list[str]:
    query = sa.select(events.event.c.type).order_by(events.event.c.id)
    return await db.read(lambda s: list(s.execute(query).scalars()))


async def test_an_outlet_is_found_by_its_name_whatever_the_capitals(db):
    made = await an_outlet(db, "Кофейня на Тверской")
    found = await db.read(lambda s: staff.find_outlet(s, name=" кофейня НА тверской "))
    assert found == made
    assert await db.read(staff.outlets) == [made]
    assert await db.read(lambda s: staff.find_outlet(s, name="Арбат")) is None
    with pytest.raises(errors.NameTaken) as refused:
        await an_outlet(db, "Кофейня на Тверской")
    assert refused.value.facts == {"name": "Кофейня на Тверской"}


async def test_an_outlet_needs_a_real_time_zone(db):
    with pytest.raises(ValueError, match="time zone"):
        await db.transact(
            lambda s: staff.add_outlet(s, name="Mars", time_zone="Mars/Olympus", now=NOW)
        )


async def test_a_cashier_needs_an_outlet_and_a_known_role(db):
    def take_on(role, outlet_id):
        return lambda s: staff.add(
            s, name="Anna", role=role, outlet_id=outlet_id, now=NOW, actor="system"
        )

    with pytest.raises(ValueError, match="outlet"):
        await db.transact(take_on("cashier", None))
    with pytest.raises(ValueError, match="role"):
        await db.transact(take_on("king", None))
    with pytest.raises(errors.OutletNotFound):
        await db.transact(take_on("cashier", 1))


async def test_a_cashier_joins_once_by_a_link(db):
    anna = await somebody(db)
    token = await db.transact(lambda s: staff.invite(s, staff_id=anna.id, now=NOW))
    assert len(f"j_{token}") <= 64

    def accept(telegram_id):
        return lambda s: staff.accept_bot_invitation(
            s, token=token, telegram_id=telegram_id, now=NOW
        )

    joined = await db.transact(accept(501))
    assert (joined.id, joined.telegram_id, joined.outlet_name) == (anna.id, 501, "Tverskaya 1")
    assert (await db.transact(accept(501))).id == anna.id, "a repeated update is harmless"
    with pytest.raises(errors.InvitationUsed):
        await db.transact(accept(502))
    found = await db.read(lambda s: staff.find_by_telegram(s, telegram_id=501))
    assert found is not None
    assert found.sells
    assert (await event_types(db)).count("staff.joined") == 1


async def test_only_a_hash_of_the_token_is_kept(db):
    anna = await somebody(db)
    token = await db.transact(lambda s: staff.invite(s, staff_id=anna.id, now=NOW))
    kept = await db.read(lambda s: s.execute(sa.select(staff.invitation.c.token_hash)).scalar_one())
    assert kept == tokens.hash_secret(token)
    assert token not in kept


@pytest.mark.parametrize("spoil", ["expired", "forged", "superseded", "dismissed"])
async def test_a_bad_invitation_lets_nobody_in(db, spoil):
    anna = await somebody(db)
    token = await db.transact(lambda s: staff.invite(s, staff_id=anna.id, now=NOW, days=7))
    later = NOW
    if spoil == "expired":
        later = NOW + timedelta(days=7)
    elif spoil == "forged":
        token = "x" * 32
    elif spoil == "superseded":
        await db.transact(lambda s: staff.invite(s, staff_id=anna.id, now=NOW))
    else:
        await db.transact(lambda s: staff.revoke(s, staff_id=anna.id, now=NOW, actor="system"))
    with pytest.raises(errors.InvitationUsed):
        await db.transact(
            lambda s: staff.accept_bot_invitation(s, token=token, telegram_id=501, now=later)
        )
    assert await db.read(lambda s: staff.find_by_telegram(s, telegram_id=501)) is None


async def test_two_people_with_one_link_one_gets_in(db):
    anna = await somebody(db)
    token = await db.transact(lambda s: staff.invite(s, staff_id=anna.id, now=NOW))

    def accept(telegram_id):
        return db.transact(
            lambda s: staff.accept_bot_invitation(s, token=token, telegram_id=telegram_id, now=NOW)
        )

    answers = await asyncio.gather(*(accept(600 + i) for i in range(6)), return_exceptions=True)
    assert sum(isinstance(a, staff.Staff) for a in answers) == 1
    assert sum(isinstance(a, errors.InvitationUsed) for a in answers) == 5


async def test_a_second_link_adds_its_outlet_and_no_role_changes(db):
    first, second = await somebody(db), await somebody(db, name="Anna again")
    other = await an_outlet(db, "Arbat")
    await db.transact(
        lambda s: staff.set_outlets(
            s, staff_id=second.id, outlet_ids=[other.id], now=NOW, actor="system"
        )
    )
    tokens_of = {}
    for person in (first, second):

        def unit(session, person=person):
            token = staff.invite(session, staff_id=person.id, now=NOW)
            tokens_of[person.id] = token
            return staff.accept_bot_invitation(session, token=token, telegram_id=501, now=NOW)

        joined = await db.transact(unit)
        assert (joined.id, joined.role) == (first.id, staff.CASHIER)
    assert joined.outlet_name == "Arbat", "they stand where the last link with an outlet was for"
    mine = await db.read(lambda s: staff.outlets_of(s, staff_id=first.id))
    assert [place.name for place in mine] == ["Arbat", "Tverskaya 1"]
    assert not (await db.read(lambda s: staff.get(s, second.id))).live
    again = await db.transact(
        lambda s: staff.accept_bot_invitation(
            s, token=tokens_of[second.id], telegram_id=501, now=NOW
        )
    )
    assert again.id == first.id, "a repeated update is harmless"


async def test_dismissal_takes_everything_at_once(db):
    owner = await somebody(db, staff.OWNER, "Olga")

    def set_up(session):
        token = staff.invite(session, staff_id=owner.id, now=NOW)
        staff.accept_panel_invitation(
            session, token=token, login=" Olga@Cafe ", password_hash="h", now=NOW
        )
        row = {"id": "s", "staff_id": owner.id, "data": "", "created_at": NOW, "expires_at": NOW}
        session.execute(sa.insert(staff.panel_session).values(row))

    await db.transact(set_up)
    found = await db.read(lambda s: staff.find_by_login(s, login="olga@cafe"))
    assert found is not None
    assert found.password_hash == "h"
    assert "password_hash" not in repr(found)
    await db.transact(lambda s: staff.revoke(s, staff_id=owner.id, now=NOW, actor="system"))
    await db.transact(lambda s: staff.revoke(s, staff_id=owner.id, now=NOW, actor="system"))
    assert await db.read(lambda s: staff.find_by_login(s, login="olga@cafe")) is None
    sessions = sa.select(sa.func.count()).select_from(staff.panel_session)
    assert await db.read(lambda s: s.execute(sessions).scalar_one()) == 0
    assert (await event_types(db)).count("staff.revoked") == 1


async def test_a_panel_invitation_and_a_taken_login(db):
    first = await somebody(db, staff.OWNER, "Olga")
    second = await somebody(db, staff.ANALYST, "Ivan")

    def accept(person, login):
        def unit(session):
            token = staff.invite(session, staff_id=person.id, now=NOW)
            return staff.accept_panel_invitation(
                session, token=token, login=login, password_hash="h", now=NOW
            )

        return unit

    await db.transact(accept(first, "olga"))
    with pytest.raises(errors.NameTaken):
        await db.transact(accept(second, "OLGA"))
    assert (await db.transact(accept(second, "ivan"))).login == "ivan"
    cashier = await somebody(db)
    with pytest.raises(errors.InvitationUsed):
        await db.transact(accept(cashier, "anna"))


async def test_a_key_is_shown_once_and_can_be_taken_back(db):
    place = await an_outlet(db)
    key = await db.transact(lambda s: staff.add_key(s, outlet_id=place.id, now=NOW))
    found = await db.read(lambda s: staff.find_key(s, key=key))
    assert found is not None
    assert (found.outlet_id, found.hint, found.outlet_name) == (place.id, key[-4:], place.name)
    stored = await db.read(lambda s: s.execute(sa.select(staff.outlet_key.c.key_hash)).scalar_one())
    assert stored == tokens.hash_secret(key)
    assert await db.read(lambda s: staff.find_key(s, key=key + "x")) is None
    assert await db.transact(lambda s: staff.revoke_key(s, key_id=found.id, now=NOW))
    assert await db.read(lambda s: staff.find_key(s, key=key)) is None
    assert not await db.transact(lambda s: staff.revoke_key(s, key_id=found.id, now=NOW))
    with pytest.raises(errors.OutletNotFound):
        await db.transact(lambda s: staff.add_key(s, outlet_id=1, now=NOW))


async def test_wrong_tries_are_counted_in_their_window(db):
    for seconds in (0, 30, 50):
        at = NOW + timedelta(seconds=seconds)
        await db.transact(lambda s, at=at: staff.note_failure(s, subject="code:1", now=at))
    await db.transact(lambda s: staff.note_failure(s, subject="code:2", now=NOW))
    since = NOW + timedelta(seconds=20)
    assert await db.read(lambda s: staff.failures(s, subject="code:1", since=since)) == 2
    first = await db.read(lambda s: staff.oldest_failure(s, subject="code:1", since=since))
    assert first == NOW + timedelta(seconds=30)
    later = NOW + timedelta(days=2)
    await db.transact(lambda s: staff.note_failure(s, subject="code:1", now=later))
    rows = sa.select(sa.func.count()).where(staff.failed_try.c.subject == "code:1")
    assert await db.read(lambda s: s.execute(rows).scalar_one()) == 1


async def test_language_is_kept(db):
    anna = await somebody(db)
    await db.transact(lambda s: staff.set_language(s, staff_id=anna.id, language="en"))
    assert (await db.read(lambda s: staff.get(s, anna.id))).language == "en"
    assert [p.id for p in await db.read(staff.everyone)] == [anna.id]
    with pytest.raises(errors.StaffNotFound):
        await db.read(lambda s: staff.get(s, 1))


def test_passwords():
    kept = staff.hash_password("correct horse")
    assert kept.startswith("$argon2id$")
    assert staff.verify_password(kept, "correct horse")
    assert not staff.verify_password(kept, "wrong horse!")
    assert not staff.verify_password(None, "nobody's password")
    assert not staff.verify_password("not a hash", "correct horse")
    with pytest.raises(errors.PasswordTooShort) as refused:
        staff.hash_password("short")
    assert refused.value.facts == {"minimum": 10}
