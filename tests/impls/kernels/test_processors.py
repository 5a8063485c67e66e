"""Vector kernels compiled for other processors than this one."""

from __future__ import annotations

import pytest

from tests.speed.processors import ARM, agrees, products, runs_here


@pytest.mark.parametrize(
    ("processor", "kind"), [("x86-64 with SSE 4.2", "xmm"), ("x86-64 with AVX2", "ymm")]
)
def test_an_older_processor_multiplies_in_the_vectors_that_it_has(
    processor: str, kind: str
) -> None:
    if not runs_here(processor):
        pytest.skip(f"this machine is no {processor}")
    assert all(list(kinds) == [kind] for kinds in products(processor).values())


@pytest.mark.skipif(not runs_here("x86-64 with SSE 4.2"), reason="it cannot run here")
def test_without_avx_kernels_agree_with_numpy() -> None:
    assert agrees("x86-64 with SSE 4.2")


def test_code_for_64_bit_arm_multiplies_vectors() -> None:
    assert all(kinds["v"] > 0 for kinds in products(ARM).values())
