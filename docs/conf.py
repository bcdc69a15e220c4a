"""How Sphinx makes the site of these pages: `make docs`. Neither the build nor the site asks for a network."""

import os
import sys
from pathlib import Path

import harness

sys.path.insert(0, str(Path(__file__).parent))

project = "Steelyard"
release = harness.__version__
extensions = ["myst_parser", "sphinx_copybutton", "markdown_pages"]
exclude_patterns = ["_build", "examples", "projects"]
myst_enable_extensions = ["linkify"]
myst_heading_anchors = 4
linkify_fuzzy = False
copybutton_prompt_text = "$ "
html_theme = "furo"
html_title = "Steelyard"
html_baseurl = os.environ.get("DOCS_URL", "")
repository_files = os.environ.get("REPOSITORY_FILES", "")
html_copy_source = False
html_show_copyright = False
smartquotes = False
html_extra_path = ["skill"]
