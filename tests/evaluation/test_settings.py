from __future__ import annotations

import pytest

from deepdistill.errors import InputError
from deepdistill.evaluation.settings import Settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k is 0; allowed: integers from 1"),
        ({"batch_size": "auto"}, "batch_size is 'auto'; allowed: integers from 1"),
        ({"temperature": -1}, "temperature is -1; allowed: 0 … inf"),
        ({"top_p": 1.5}, "top_p is 1.5; allowed: 0 … 1"),
        ({"top_k": 5}, "unknown key top_k; allowed: k, temperature"),
    ],
)
def test_a_bad_setting_is_one_line_with_what_is_allowed(settings, change, message):
    with pytest.raises(InputError, match=message):
        Settings.from_config({**settings, **change})


def test_a_missing_key_is_named(settings):
    del settings["k"]
    with pytest.raises(InputError, match="key k is missing"):
        Settings.from_config(settings)
