"""The pip package of the layers that need no ROS: the client, the emulator and the dataset tool.

In a ROS workspace colcon builds the package from CMakeLists.txt instead.
"""

import runpy
from pathlib import Path

from setuptools import find_packages, setup

TOP = Path(__file__).resolve().parent
REQUIREMENTS = runpy.run_path(str(TOP / "odyssey_ros" / "requirements.py"))


def ranges(packages: dict[str, str]) -> list[str]:
    """Return the requirements of packages with their oldest versions."""
    return [f"{name}>={oldest}" for name, oldest in packages.items()]


EXTRAS = {extra: ranges(packages) for extra, packages in REQUIREMENTS["EXTRAS"].items()}

setup(
    name="odyssey_ros",
    version="0.1.0",
    description="Odyssey world models for robots: an asyncio client, a local service, and dataset tools",
    long_description=(TOP / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(
        include=["odyssey_ros", "odyssey_ros.*"], exclude=["odyssey_ros.bridge*", "odyssey_ros.console*"]
    ),
    package_data={
        "odyssey_ros": ["py.typed"],
        "odyssey_ros.dataset": ["definitions/*.msg"],
        "odyssey_ros.dataset.report": ["page.css", "page.js"],
    },
    install_requires=ranges(REQUIREMENTS["CLIENT"]),
    extras_require={**EXTRAS, "all": sorted({one for extra in EXTRAS.values() for one in extra})},
    entry_points={
        "console_scripts": [
            "odyssey-dataset=odyssey_ros.dataset.__main__:main",
            "odyssey-emulator=odyssey_ros.emulator.command_line:main",
        ]
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Framework :: AsyncIO",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
