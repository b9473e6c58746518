"""The command line that every test script has."""

import argparse


def parser(text: str) -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=text)
    result.add_argument("--broker", choices=("gregor", "peer"), default="gregor",
                        help="which broker is tested; what passes on the peer must pass on Gregor")
    result.add_argument("--long", action="store_true", help="the variant that takes longer")
    return result
