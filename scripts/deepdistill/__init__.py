"""DeepDistill as a library: one module or subpackage per stage of the workflow."""
