"""Application controllers on the bus: each provider under its own key, and kept to its own (R41, R70)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import msgspec
import pytest
from bus_world import (
    PROVIDERS,
    Inbox,
    World,
    WorldRun,
    make,
    presence,
    raw_client,
    until,
    worlds,
)

from net4ai.codecs.envelope import controller_name, decode, node_key
from net4ai.stack.io.bus import Bus, InProcessBus
from net4ai.stack.io.bus_mqtt import MqttBus


async def controlled(world: World) -> tuple[Bus, Inbox]:
    """The core, which knows the providers, and what its service manager gets."""
    core = await world.join("core")
    core.admit(PROVIDERS)
    return core, Inbox(core, "service-manager")


async def controller(world: World, provider: str, key: bytes | None = None) -> tuple[Bus, Inbox]:
    """A controller of `provider`, and what it gets; `key`: other than the provider's."""
    name = controller_name(provider)
    bus = await world.join(name, PROVIDERS[provider] if key is None else key)
    inbox = Inbox(bus, name)
    if isinstance(bus, MqttBus):
        await bus.connected()
    return bus, inbox


def test_a_controller_and_the_core_talk_under_the_providers_key(in_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        core, asked = await controlled(world)
        for provider in PROVIDERS:
            bus, answers = await controller(world, provider)
            await presence(core, controller_name(provider), True)
            seen: list[bytes] = []
            core.tap(lambda envelope, raw, direction, seen=seen: seen.append(raw))  # type: ignore[misc]
            bus.send(make("service-manager", provider, sender=controller_name(provider)))
            request = await asked.get()
            assert (request.process, request.sender) == (controller_name(provider),) * 2
            core.send(make(request.sender, "answer", sender="service-manager", kind="reply"))
            assert msgspec.json.decode((await answers.get()).body) == "answer"
            keys = [node_key(PROVIDERS[provider], name) for name in (controller_name(provider), "core")]
            for raw, key in zip(seen, keys, strict=True):
                decode(raw, {controller_name(provider): key, "core": key}.get)
            assert not bus.drops and not core.drops and not bus.absent("nobody")
            assert set(bus.presence) <= {controller_name(provider)} or isinstance(bus, InProcessBus)

    in_world(scenario)


def test_strangers_are_dropped_by_name(in_world: WorldRun) -> None:
    """A wrong key, an unknown provider, and a controller that speaks as somebody else."""

    async def scenario(world: World) -> None:
        core, asked = await controlled(world)
        forger, _ = await controller(world, "health", PROVIDERS["farming"])
        bus, _ = await controller(world, "farming")
        forger.send(make("service-manager", "forged", sender="controller-health"))
        await until(lambda: core.drops["bad signature"] > 0)
        core.drops.clear()
        bus.send(make("service-manager", "as another", sender="controller-health"))
        await until(lambda: core.drops["wrong sender"] > 0)
        bus.send(make("service-manager", "as the core", sender="job-manager"))
        await until(lambda: core.drops["wrong sender"] > 1)
        core.admit({"farming": PROVIDERS["farming"]})
        forger.send(make("service-manager", "gone", sender="controller-health"))
        await until(lambda: core.drops["unknown process"] > 0)
        core.send(make("controller-health", "nobody", sender="service-manager"))
        assert core.drops["unknown provider"] == 1
        bus.send(make("service-manager", "true", sender="controller-farming"))
        assert await asked.bodies(1) == ["true"]

    in_world(scenario)


def test_a_node_without_the_providers_keys_hears_no_controller(in_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        await controlled(world)
        ran = await world.join("ran-1")
        inbox = Inbox(ran, "fpf/ran-1")
        bus, _ = await controller(world, "health")
        if isinstance(ran, MqttBus):
            await ran.connected()
        if world._broker is None or world.broker.kind == "iotcore":  # mosquitto does not let it pass in the first place
            bus.send(make("fpf/ran-1", "hello", sender="controller-health"))
            await until(lambda: ran.drops["unknown process"] == 1)
        assert inbox.empty

    in_world(scenario)


@pytest.mark.mosquitto
def test_the_broker_keeps_a_provider_to_its_own(tmp_path: Path) -> None:
    """Of all that one provider publishes only what it may reaches others; it hears only its own."""

    async def scenario(world: World) -> None:
        broker = world.broker
        login = broker.providers["farming"]
        topics = ["nf/service-manager", "nf/access-manager", "nf/controller-farming", "reg/core", "self/core"]
        topics += ["nf/node/core", "controller/health/nf/controller-health", "controller/health/reg/controller-health"]
        topics += ["controller/farming/nf/controller-farming", "controller/farming/reg/controller-farming", "other"]
        async with raw_client(broker) as all_seeing, raw_client(broker, login) as stranger:
            await all_seeing.subscribe("net4ai/v1/#")
            for topic in ("#", "net4ai/#", "net4ai/v1/nf/+", "net4ai/v1/controller/health/#", "+/+/#"):
                await stranger.subscribe(topic)
            for topic in topics:
                await stranger.publish(f"net4ai/v1/{topic}", topic, qos=1)
            await all_seeing.publish("net4ai/v1/end", b"end", qos=1)
            passed = [message.topic.value async for message in until_end(all_seeing)]
            assert passed == [
                "net4ai/v1/nf/service-manager",
                "net4ai/v1/controller/farming/nf/controller-farming",
                "net4ai/v1/controller/farming/reg/controller-farming",
            ]
            for topic in topics:
                await all_seeing.publish(f"net4ai/v1/{topic}", topic, qos=1)
            await all_seeing.publish("net4ai/v1/controller/farming/end", b"end", qos=1)
            heard = {message.topic.value async for message in until_end(stranger)}
            assert heard == {
                "net4ai/v1/controller/farming/nf/controller-farming",
                "net4ai/v1/controller/farming/reg/controller-farming",
            }

    worlds("mosquitto", tmp_path)(scenario)


async def until_end(client: aiomqtt.Client) -> AsyncIterator[aiomqtt.Message]:
    async for message in client.messages:
        if message.payload == b"end":
            return
        yield message


def test_a_controller_cannot_say_that_another_has_left(in_mqtt_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        core, _ = await controlled(world)
        await controller(world, "health")
        await presence(core, "controller-health", True)
        async with raw_client(world.broker, world.broker.providers["farming"]) as stranger:
            # The one topic of the two that it may write to with mosquitto; with iotcore it may write to all.
            await stranger.publish("net4ai/v1/controller/farming/reg/controller-health", b"", qos=1, retain=True)
        await controller(world, "farming")
        await presence(core, "controller-farming", True)
        assert core.presence["controller-health"]

    in_mqtt_world(scenario)


def test_nobody_takes_the_place_of_a_process_at_the_broker(in_mqtt_world: WorldRun) -> None:
    """A broker lets go of a client when another comes with its identifier: that cannot be guessed without the key."""

    async def scenario(world: World) -> None:
        core, _ = await controlled(world)
        assert isinstance(core, MqttBus)
        with_run_key = core._make_client()._client._client_id
        assert with_run_key.startswith(b"net4ai-core-")
        other = world.make("core", PROVIDERS["health"])
        assert isinstance(other, MqttBus)
        assert other._make_client()._client._client_id != with_run_key

    in_mqtt_world(scenario)
