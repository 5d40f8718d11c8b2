"""The helpers beside the tests are modules; ranks are new processes, which find them, too."""

import os
import pathlib
import sys

HERE = str(pathlib.Path(__file__).parent)
sys.path.insert(0, HERE)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))
