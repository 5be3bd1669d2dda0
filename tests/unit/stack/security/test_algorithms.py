"""128-NIA2 and 128-NEA2 against the published test sets, and against second implementations from AES alone."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.errors import EncodeError
from net4ai.stack.security.algorithms import Direction, check_algorithms, nea2, nia2

octets = bytes.fromhex

# ---------------------------------------------------------------------------------------------------------------------
# Published: TS 33.401 annex C, which TS 33.501 D.4.4 and D.4.5 name for NEA2 and NIA2; RFC 4493


@pytest.mark.parametrize(
    ("key", "count", "bearer", "direction", "bits", "plain", "cipher"),
    [
        pytest.param(
            "d3c5d592327fb11c4035c6680af8c6d1", 0x398A59B4, 0x15, 1, 253,
            "981ba6824c1bfb1ab485472029b71d808ce33e2cc3c0b5fc1f3de8a6dc66b1f0",
            "e9fed8a63d155304d71df20bf3e82214b20ed7dad2f233dc3c22d7bdeeed8e78",
            id="C.1 set 1",
        ),
        pytest.param(
            "2bd6459f82c440e0952c49104805ff48", 0xC675A64B, 0x0C, 1, 798,
            "7ec61272743bf1614726446a6c38ced166f6ca76eb5430044286346cef130f92922b03450d3a9975e5bd2ea0eb55ad8e"
            "1b199e3ec4316020e9a1b285e762795359b7bdfd39bef4b2484583d5afe082aee638bf5fd5a606193901a08f4ab41aab"
            "9b134880",
            "5961605353c64bdca15b195e288553a910632506d6200aa790c4c806c99904cf2445cc50bb1cf168a49673734e081b57"
            "e324ce5259c0e78d4cd97b870976503c0943f2cb5ae8f052c7b7d392239587b8956086bcab18836042e2e6ce42432a17"
            "105c53d0",
            id="C.1 set 2",
        ),
        pytest.param(
            "0a8b6bd8d9b08b08d64e32d1817777fb", 0x544D49CD, 0x04, 0, 310,
            "fd40a41d370a1f65745095687d47ba1d36d2349e23f644392c8ea9c49d40c13271aff264d0f248",
            "75750d37b4bba2a4dedb34235bd68c6645acdaaca48138a3b0c471e2a7041a576423d2927287f0",
            id="C.1 set 3",
        ),
        pytest.param(
            "aa1f95aea533bcb32eb63bf52d8f831a", 0x72D8C671, 0x10, 1, 1022,
            "fb1b96c5c8badfb2e8e8edfde78e57f2ad81e74103fc430a534dcc37afcec70e1517bb06f27219dae49022ddc47a068d"
            "e4c9496a951a6b09edbdc864c7adbd740ac50c022f3082bafd22d78197c5d508b977bca13f32e652e74ba728576077ce"
            "628c535e87dc6077ba07d29068590c8cb5f1088e082cfa0ec961302d69cf3d44",
            "dfb440acb3773549efc04628aeb8d8156275230bdc690d94b00d8d95f28c4b56307f60f4ca55eba661ebba72ac808fa8"
            "c49e26788ed04a5d606cb418de74878b9a22f8ef29590bc4eb57c9faf7c41524a885b8979c423f2f8f8e0592a9879201"
            "be7ff9777a162ab810feb324ba74c4c156e04d39097209653ac33e5a5f2d8864",
            id="C.1 set 4",
        ),
        pytest.param(
            "9618ae46891f86578eebe90ef7a1202e", 0xC675A64B, 0x0C, 1, 1245,
            "8daa17b1ae050529c6827f28c0ef6a1242e93f8b314fb18a77f790ae049fedd612267fecaefc450174d76d9f9aa7755a"
            "30cd90a9a5874bf48eaf70eea3a62a250a8b6bd8d9b08b08d64e32d1817777fb544d49cd49720e219dbf8bbed33904e1"
            "fd40a41d370a1f65745095687d47ba1d36d2349e23f644392c8ea9c49d40c13271aff264d0f24841d6465f0996ff84e6"
            "5fc517c53efc3363c38492a8",
            "919c8c33d66789703d05a0d7ce82a2aeac4ee76c0f4da050335e8a84e7897ba5df2f36bd513e3d0c8578c7a0fcf043e0"
            "3aa3a39fbaad7d15be074faa5d9029f71fb457b647834714b0e18f117fca10677945096c8c5f326ba8d6095eb29c3e36"
            "cf245d1622aafe921f7566c4f5d644f2f1fc0ec684ddb21349747622e209295d27ff3f95623371d49b147c0af486171f"
            "22cd04b1cbeb2658223e6938",
            id="C.1 set 5",
        ),
    ],
)  # fmt: skip
def test_nea2_test_sets(key: str, count: int, bearer: int, direction: int, bits: int, plain: str, cipher: str) -> None:
    """The sets end within an octet, and are padded with zeros."""

    def cut(data: bytes) -> int:
        return int.from_bytes(data, "big") >> (len(data) * 8 - bits)

    assert cut(nea2(octets(key), count, bearer, direction, octets(plain))) == cut(octets(cipher))
    assert cut(nea2(octets(key), count, bearer, direction, octets(cipher))) == cut(octets(plain))


@pytest.mark.parametrize(
    ("key", "count", "bearer", "direction", "message", "mac"),
    [
        pytest.param(
            "d3c5d592327fb11c4035c6680af8c6d1", 0x398A59B4, 0x1A, 1, "484583d5afe082ae", "b93787e6", id="C.2 set 2"
        ),
        pytest.param(
            "83fd23a244a74cf358da3019f1722635", 0x36AF6144, 0x0F, 1,
            "35c68716633c66fb750c266865d53c11ea05b1e9fa49c8398d48e1efa5909d3947902837f5ae96d5a05bc8d61ca8dbef"
            "1b13a4b4abfe4fb1006045b674bb54729304c382be53a5af05556176f6eaa2ef1d05e4b083181ee674cda5a485f74d7a",
            "e657e182",
            id="C.2 set 5",
        ),
    ],
)  # fmt: skip
def test_nia2_test_sets(key: str, count: int, bearer: int, direction: int, message: str, mac: str) -> None:
    """The sets of whole octets; the longest (set 8) adds nothing to them."""
    assert nia2(octets(key), count, bearer, direction, octets(message)).hex() == mac


RFC_4493_MESSAGE = octets(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17"
    "ad2b417be66c3710"
)


@pytest.mark.parametrize(
    ("length", "mac"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_the_oracle_is_cmac(length: int, mac: str) -> None:
    """RFC 4493 4: what nia2 is compared with below is right itself."""
    assert cmac(octets("2b7e151628aed2a6abf7158809cf4f3c"), RFC_4493_MESSAGE[:length]).hex() == mac


# ---------------------------------------------------------------------------------------------------------------------
# Second implementations


def block(key: bytes, data: bytes) -> bytes:
    return Cipher(AES(key), modes.ECB()).encryptor().update(data)


def exclusive_or(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))


def cmac(key: bytes, message: bytes) -> bytes:
    """RFC 4493 2.4, from AES of single blocks."""

    def doubled(value: bytes) -> bytes:
        number = int.from_bytes(value, "big") << 1
        return ((number ^ 0x87 if number >> 128 else number) & (1 << 128) - 1).to_bytes(16, "big")

    subkey = doubled(block(key, bytes(16)))
    if not message or len(message) % 16:
        subkey = doubled(subkey)
        message = (message + b"\x80").ljust(-(-(len(message) + 1) // 16) * 16, b"\0")
    message = message[:-16] + exclusive_or(message[-16:], subkey)
    state = bytes(16)
    for start in range(0, len(message), 16):
        state = block(key, exclusive_or(state, message[start : start + 16]))
    return state


KEYS = st.binary(min_size=16, max_size=16)
INPUTS = (st.integers(0, 2**32 - 1), st.integers(0, 31), st.sampled_from(Direction))


@given(KEYS, *INPUTS, st.binary(max_size=100))
def test_nia2_is_cmac_over_its_inputs(
    key: bytes, count: int, bearer: int, direction: Direction, message: bytes
) -> None:
    bits = f"{count:032b}{bearer:05b}{direction:b}".ljust(64, "0")
    expected = cmac(key, int(bits, 2).to_bytes(8, "big") + message)[:4]
    assert nia2(key, count, bearer, direction, message) == expected
    assert nia2(memoryview(key), count, bearer, direction, memoryview(message)) == expected


@given(KEYS, *INPUTS, st.binary(max_size=100))
def test_nea2_is_a_key_stream_of_counted_blocks(
    key: bytes, count: int, bearer: int, direction: Direction, data: bytes
) -> None:
    first = int(f"{count:032b}{bearer:05b}{direction:b}".ljust(128, "0"), 2)
    stream = b"".join(block(key, (first + number).to_bytes(16, "big")) for number in range(-(-len(data) // 16)))
    assert nea2(key, count, bearer, direction, data) == exclusive_or(data, stream)


# ---------------------------------------------------------------------------------------------------------------------
# Bad input


@pytest.mark.parametrize("algorithm", [nia2, nea2])
@pytest.mark.parametrize(
    ("key", "count", "bearer", "direction", "field"),
    [
        (bytes(15), 0, 0, 0, "length of key"),
        (bytes(32), 0, 0, 0, "length of key"),
        (bytes(16), -1, 0, 0, "COUNT"),
        (bytes(16), 1 << 32, 0, 0, "COUNT"),
        (bytes(16), 0, 32, 0, "BEARER"),
        (bytes(16), 0, -1, 0, "BEARER"),
        (bytes(16), 0, 0, 2, "DIRECTION"),
    ],
)
def test_bad_input(algorithm, key: bytes, count: int, bearer: int, direction: int, field: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EncodeError) as caught:
        algorithm(key, count, bearer, direction, b"data")
    assert caught.value.field == field


def test_directions() -> None:
    assert Direction.UPLINK.other is Direction.DOWNLINK
    assert Direction.DOWNLINK.other is Direction.UPLINK


@pytest.mark.parametrize("pair", [(0, 0), (2, 0), (2, 2)])
def test_algorithms_that_go_together(pair: tuple[int, int]) -> None:
    check_algorithms(*pair)


@pytest.mark.parametrize("pair", [(0, 2), (1, 0), (2, 1), (7, 0), (2, 255)])
def test_algorithms_that_do_not(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        check_algorithms(*pair)
