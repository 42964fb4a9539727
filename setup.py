"""The pip package of the layers that need no ROS: the client, the emulator and the dataset tool.

In a ROS workspace colcon builds the package from CMakeLists.txt instead.
"""

from pathlib import Path

from setuptools import find_packages, setup

IMAGES = ["pillow>=10.1", "pillow-heif>=0.16"]
EMULATOR = ["aiohttp>=3.9", "pillow>=10.1"]
SOCKS = ["python-socks[asyncio]>=2.4", "socksio>=1.0"]
DATASET = ["av>=17", "mcap>=1.1", "PyYAML>=6", "rich>=12", "rosbags>=0.11", "simplejpeg>=1.6"]

setup(
    name="odyssey_ros",
    version="0.1.0",
    description="Odyssey world models for robots: an asyncio client, a local service, and dataset tools",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["odyssey_ros", "odyssey_ros.*"], exclude=["odyssey_ros.bridge*"]),
    package_data={"odyssey_ros": ["py.typed"], "odyssey_ros.dataset": ["definitions/*.msg"]},
    install_requires=["aiortc>=1.13", "httpx>=0.27", "numpy>=1.26", "PyJWT>=2.7", "websockets>=15"],
    extras_require={
        "images": IMAGES,
        "emulator": EMULATOR,
        "dataset": DATASET,
        "socks": SOCKS,
        "all": sorted({*IMAGES, *EMULATOR, *DATASET, *SOCKS}),
    },
    entry_points={
        "console_scripts": [
            "odyssey-dataset=odyssey_ros.dataset.cli:main",
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
