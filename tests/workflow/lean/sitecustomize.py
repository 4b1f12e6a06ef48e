"""What a job of the tests leaves out: scikit-learn, which transformers imports where it is there.

It is a quarter of each small job's start. The rules' own environments (envs/) do not have it but
for lm-eval's, which needs it for metrics that no benchmark here has.
"""

import sys

sys.modules["sklearn"] = None  # type: ignore[assignment]  # as if it were not installed
