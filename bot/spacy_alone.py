"""spaCy without TensorFlow, for the parts of the project that must be up at once and stay small.

spaCy's own library, thinc, imports TensorFlow merely because it is installed (Rasa needs it): five
seconds and 300 MB for layers that nobody here uses. thinc takes a failed import for "not
installed", and a None in `sys.modules` makes an import fail. It stands there only while spaCy is
imported, so whoever wants TensorFlow afterwards gets it as usual.
"""

import sys

__all__ = ["spacy"]

_hidden = "tensorflow" not in sys.modules
if _hidden:
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
try:
    import spacy
finally:
    if _hidden:
        del sys.modules["tensorflow"]
