"""schemac SCHEMA_DIR OUT_DIR: generates C++ from every schema file. Writes only files whose text changes."""

import pathlib
import sys

from emit_cpp import generate
from parse import SchemaError, parse_file


def main(schema, out):
    schema, out = pathlib.Path(schema), pathlib.Path(out)
    files = [parse_file(p.relative_to(schema).as_posix(), p.read_text()) for p in sorted(schema.glob("*/*.msg"))]
    for name, text in generate(files).items():
        path = out / name
        if path.exists() and path.read_text() == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except SchemaError as error:
        sys.exit(str(error))
