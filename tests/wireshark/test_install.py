"""The plugin installs, loads where it was installed, and compiles under every Lua that Wireshark has."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import lupa.lua52
import lupa.lua54
import pytest
from wireshark_captures import EXPORTED_PDU, PLUGIN, Packet, exported_pdu, tshark, udp, write_pcapng
from wireshark_values import declared_filters

from net4ai.app import wireshark
from net4ai.codecs import lua_fields
from net4ai.codecs.causes import Cause
from net4ai.codecs.n2 import ContextReleaseComplete
from net4ai.codecs.rrc import Release

SOURCES = sorted(PLUGIN.parent.glob("*.lua"))
RELEASE = bytes([0x20, 0x01, 0, 7, 0, 0, 0, 0]) + Release(transaction=0, cause=Cause.NORMAL).encode()


@pytest.mark.parametrize("runtime", [lupa.lua52.LuaRuntime, lupa.lua54.LuaRuntime], ids=["5.2", "5.4"])
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_compiles(runtime: type[lupa.lua54.LuaRuntime], source: Path) -> None:
    assert runtime().compile(source.read_text(encoding="utf-8"))


def test_field_table_is_fresh() -> None:
    assert (PLUGIN.parent / "net4ai_fields.lua").read_text(encoding="utf-8") == lua_fields.render()


def test_filter_names_are_unique() -> None:
    text = lua_fields.render()
    bodies = {"dep.echo.echo", "dep.close.cause", "dep.close.reserved_bits"}  # PING and PONG, CLOSE and CLOSE_ACK
    message_types = {f"net4ai.{family}.type" for family in lua_fields.FAMILIES}  # made by the plugin
    for name in declared_filters():
        times = 0 if name in message_types else 2 if name in bodies else 1
        assert text.count(f'filter = "{name}"') == times, name


def test_target_folder_gets_plugin_and_profile(tmp_path: Path) -> None:
    written = wireshark.install(tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in written}
    assert names >= {"plugins/net4ai.lua", "plugins/net4ai_fields.lua", "profiles/net4ai/preferences"}
    assert all(path.is_file() for path in written)
    assert f"WIRESHARK_CONFIG_DIR={tmp_path} wireshark -C net4ai" in wireshark.how_to_use(written, tmp_path)
    assert wireshark.install(tmp_path) == written


def test_configuration_variable_is_honoured(tmp_path: Path) -> None:
    folders = wireshark.find_folders(environment={"WIRESHARK_CONFIG_DIR": str(tmp_path)})
    assert folders == wireshark.Folders(tmp_path / "plugins", tmp_path)


def test_usual_folders_without_tshark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wireshark, "find_tshark", lambda: None)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    plugins = tmp_path / ".local/lib/wireshark/plugins"
    assert wireshark.find_folders(environment={}) == wireshark.Folders(plugins, tmp_path / ".config/wireshark")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "plugins").write_text("")
    with pytest.raises(wireshark.WiresharkError, match="plugins"):
        wireshark.install(tmp_path)


@pytest.mark.tshark
def test_installed_plugin_is_found_by_tshark(tmp_path: Path) -> None:
    wireshark.install(tmp_path)
    environment = {"WIRESHARK_CONFIG_DIR": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(tmp_path)}
    done = subprocess.run(["tshark", "-G", "fields"], capture_output=True, text=True, env=environment, check=True)
    known = {line.split("\t")[2] for line in done.stdout.splitlines() if line.startswith(("F\t", "P\t"))}
    assert declared_filters().keys() <= known
    assert {"net4ai", "dep", "net4ai_rrc", "net4ai_nas", "net4ai_n2", "net4ai_link", "net4ai_message"} <= known


@pytest.mark.tshark
def test_profile_gives_the_columns(tmp_path: Path) -> None:
    wireshark.install(tmp_path / "configuration")
    path = write_pcapng(tmp_path / "release.pcapng", [Packet(udp(RELEASE))])
    environment = {"WIRESHARK_CONFIG_DIR": str(tmp_path / "configuration"), "HOME": str(tmp_path)}
    shown = tshark(path, "-C", "net4ai", plugin=False, environment=environment).split()
    assert shown == [
        "1",
        "0.000000000",
        "Uu",
        *["10.0.0.1", "→", "10.0.0.2", "SRB1", "7", "RRC", "40", "RRC", "Release"],
    ]


@pytest.mark.tshark
def test_filters_of_the_profile_are_valid(tmp_path: Path) -> None:
    """A filter with a field that does not exist is silently left out by Wireshark; tshark refuses it."""
    path = write_pcapng(tmp_path / "release.pcapng", [Packet(udp(RELEASE))])
    profile = PLUGIN.parent / "profile"
    coloured = [line.split("@")[2] for line in (profile / "colorfilters").read_text().splitlines() if line[0] == "@"]
    buttons = [
        line.split('","')[2] for line in (profile / "dfilter_buttons").read_text().splitlines() if line[0] == '"'
    ]
    saved = [line.split('" ')[1] for line in (profile / "dfilters").read_text().splitlines()]
    tshark(path, "-Y", " || ".join(f"({text})" for text in coloured + buttons + saved))


@pytest.mark.tshark
def test_filters_of_the_guide_are_valid(tmp_path: Path) -> None:
    path = write_pcapng(tmp_path / "release.pcapng", [Packet(udp(RELEASE))])
    guide = (PLUGIN.parent.parent.parent / "docs" / "guide" / "wireshark.md").read_text(encoding="utf-8")
    rows = [line for line in guide.splitlines() if line.startswith("| `")]
    filters = [text.replace("\\|", "|") for row in rows for text in re.findall(r"`((?:net4ai|dep|frame)[^`]*)`", row)]
    assert len(filters) > 40
    tshark(path, "-Y", " || ".join(f"({text})" for text in filters))


@pytest.mark.tshark
def test_installed_and_given_plugin_do_not_collide(tmp_path: Path) -> None:
    wireshark.install(tmp_path / "configuration")
    path = write_pcapng(tmp_path / "release.pcapng", [Packet(udp(RELEASE))])
    environment = {"WIRESHARK_CONFIG_DIR": str(tmp_path / "configuration"), "HOME": str(tmp_path)}
    assert "RRC Release" in tshark(path, environment=environment)


@pytest.mark.tshark
def test_other_ports_are_a_preference(tmp_path: Path) -> None:
    pdu = udp(RELEASE, ("10.0.0.1", 7001), ("10.0.0.2", 7002))
    path = write_pcapng(tmp_path / "ports.pcapng", [Packet(pdu)])
    assert "RRC Release" not in tshark(path)
    assert "RRC Release" in tshark(path, "-o", "net4ai.udp_ports:7000-7001")
    assert "RRC Release" in tshark(path, "-d", "udp.port==7002,net4ai")


@pytest.mark.tshark
def test_clean_and_unclean_captures_are_told_apart(tmp_path: Path) -> None:
    release = exported_pdu("net4ai_n2", ContextReleaseComplete(ran_ue=1).encode())
    bus = exported_pdu("json", b'{"kind": "request"}')
    good = [Packet(udp(RELEASE)), Packet(release, "N2"), Packet(bus, "N2")]
    wireshark.assert_capture_clean(write_pcapng(tmp_path / "good.pcapng", good))
    foreign = udp(b"hello", ("10.0.0.1", 7001), ("10.0.0.2", 7002))
    bad = [*good, Packet(udp(RELEASE + b"x")), Packet(foreign)]
    path = write_pcapng(tmp_path / "bad.pcapng", bad)
    first, second = wireshark.check_capture(path)
    assert first == "frame 4 on Uu: malformed"
    assert second.startswith("frame 5 on Uu: not recognised")
    with pytest.raises(AssertionError, match="frame 4"):
        wireshark.assert_capture_clean(path)
    with pytest.raises(wireshark.WiresharkError, match="missing"):
        wireshark.check_capture(tmp_path / "missing.pcapng")
    assert EXPORTED_PDU == 252
