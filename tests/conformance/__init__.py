"""What every implementation inherits: see `suite.Conformance`."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}.{part}"
        for part in ("accuracy", "edges", "epochs", "predictions", "repeatability")
    )
)
