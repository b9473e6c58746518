"""What the tests of schemac share: a message out of a few lines of schema."""

import textwrap

from parse import parse_file


def message(text, path="misc/sample.msg"):
    """The only message of a schema text, or the request of an api."""
    return parse_file(path, textwrap.dedent(text)).messages[0]


SAMPLE = """
    data Sample versions 0..3 flexible 2+
      name      string
      maybe     string?  1+    = null ignorable
      size      int32    ..2   = -1
      parts     []Part?1+
        index     int16
        bytes     bytes  3+    secret
      state     State    2+    tag 0
        epoch     int64        = 0x7f
"""
