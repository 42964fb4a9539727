"""Every limit of the service is reached."""

from __future__ import annotations

from odyssey_ros.emulator import Account, EmulatorConfig, Limits


async def request(caller):
    answer = await caller.request("POST", "/sessions/request", json={})
    return answer.status_code, answer.json().get("detail")


async def test_streams_end_at_their_limit_and_the_connection_continues(running):
    async with running(EmulatorConfig(limits=Limits(stream_seconds=0.5))) as (_, caller):
        connection = await caller.connect()
        for _ in range(2):
            await connection.start()
            error = await connection.reply("interactive_stream_error")
            assert error["reason"] == "session_timeout"
            await connection.reply("stream_ended")
        assert connection.closed is None


async def test_the_stream_limit_can_end_the_connection(running, until):
    config = EmulatorConfig(limits=Limits(stream_seconds=0.5), close_at_stream_limit=True)
    async with running(config) as (_, caller):
        connection = await caller.connect()
        await connection.start()
        await connection.reply("stream_ended")
        await until(lambda: connection.closed)
        assert {"type": "error", "reason": "duration_limit_reached"} in connection.socket_messages


async def test_connections_end_at_their_limit(running, until, clock):
    async with running(EmulatorConfig(), monotonic=clock) as (_, caller):
        connection = await caller.connect()
        await connection.start()
        clock.shift += 3500
        assert (await connection.interact("still here"))["type"] == "update_acknowledged"
        clock.shift += 100
        assert (await until(lambda: connection.closed))[0] == 1000
        assert {"type": "error", "reason": "duration_limit_reached"} in connection.socket_messages


async def test_idle_connections_end_and_busy_ones_do_not(running, until, clock):
    async with running(EmulatorConfig(), monotonic=clock) as (_, caller):
        idle, busy = await caller.connect(), await caller.connect()
        await busy.start()
        clock.shift += 900
        assert await until(lambda: idle.closed) == (1001, "idle for too long")
        assert (await busy.interact("still here"))["type"] == "update_acknowledged"
        await busy.end()
        clock.shift += 800
        assert (await busy.interact("nothing runs"))["reason"] == "no_active_stream"
        assert busy.closed is None
        clock.shift += 100
        assert await until(lambda: busy.closed) == (1001, "idle for too long")


async def test_concurrent_sessions_are_counted_with_unconnected_ones(running, until):
    async with running(EmulatorConfig(limits=Limits(concurrent_sessions=2))) as (emulator, caller):
        connection = await caller.connect()
        assert (await request(caller))[0] == 200
        status, detail = await request(caller)
        assert status == 429
        assert detail["error"] == "CONCURRENT_LIMIT_REACHED"
        assert detail["details"] == {"active_count": 2, "limit": 2}
        await connection.close()
        await until(lambda: len(emulator.sessions.live()) == 1)
        assert (await request(caller))[0] == 200


async def test_an_unconnected_session_expires_with_its_token(running):
    clock = [1000.0]
    config = EmulatorConfig(limits=Limits(concurrent_sessions=1, session_token_seconds=60))
    async with running(config, monotonic=lambda: clock[0]) as (_, caller):
        assert (await request(caller))[0] == 200
        assert (await request(caller))[0] == 429
        clock[0] += 61
        assert (await request(caller))[0] == 200


async def test_requests_are_refused_while_no_streamer_is_free(running, until):
    async with running(EmulatorConfig(streamers=1)) as (emulator, caller):
        connection = await caller.connect()
        assert await request(caller) == (503, "No streamers available")
        await connection.close()
        await until(lambda: not emulator.sessions.live())
        assert (await request(caller))[0] == 200


async def test_the_hours_of_the_month_are_used_up(running, clock):
    now = [1_798_000_000.0]  # 2026-12-22
    config = EmulatorConfig(limits=Limits(monthly_hours=0.0001, access_token_seconds=1e8))
    async with running(config, now=lambda: now[0], monotonic=clock) as (_, caller):
        connection = await caller.connect()
        await connection.start()
        clock.shift += 0.5
        await connection.end()
        status, detail = await request(caller)
        assert (status, detail["error"]) == (429, "MONTHLY_LIMIT_REACHED")
        assert detail["details"]["used_hours"] >= 0.0001
        assert detail["details"]["limit_hours"] == 0.0001
        assert detail["details"]["reset_date"] == "2027-01-01"
        assert (await connection.start())["reason"] == "quota_exceeded"
        now[0] += 15 * 86400
        assert (await request(caller))[0] == 200


async def test_suspended_accounts_get_no_session(running):
    account = Account(api_key="ody_local", suspended="chargeback")
    async with running(EmulatorConfig(accounts=(account,))) as (_, caller):
        status, detail = await request(caller)
        assert (status, detail["error"]) == (429, "ACCOUNT_SUSPENDED")
        assert detail["details"] == {"reason": "chargeback"}


async def test_too_many_requests_in_a_minute_are_refused(running):
    clock = [1_800_000_000.0]
    config = EmulatorConfig(limits=Limits(session_requests_per_minute=2))
    async with running(config, now=lambda: clock[0]) as (_, caller):
        assert [(await request(caller))[0] for _ in range(2)] == [200, 200]
        clock[0] += 10
        status, detail = await request(caller)
        assert (status, detail["error"]) == (429, "RATE_LIMITED")
        assert detail["details"] == {"retry_after_seconds": 50}
        clock[0] += 51
        assert (await request(caller))[0] == 200
