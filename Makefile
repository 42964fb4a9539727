# make demo    images on a ROS 2 topic        make test    lint, types, build, all tests
# make bench   speed against a baseline       make clean   remove builds and environment
# make coverage   branch coverage of each module, checked against the limits
# make other-pythons   build, demo and ROS-free tests with the other Pythons of this machine
# make fuzz    malformed inputs for each parser of outside input; FUZZ="--target job --count 1000" passes options
PYTHON ?= python3
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help env build demo test lint types coverage other-pythons fuzz bench clean

SOURCES := package.xml CMakeLists.txt $(shell find odyssey_ros msg srv action launch config scripts test/interfaces -type f -not -name '*.pyc' -not -path '*/__pycache__*')

help:
	@sed -n 's/^# \(make.*\)/\1/p' Makefile

env:
	@$(PYTHON) scripts/environment.py

build: env install/.built

install/.built: $(SOURCES) .venv/environment.stamp
	@scripts/build
	@touch $@

.venv/environment.stamp: | env

demo: build
	@scripts/demo

lint: env
	@. scripts/activate && ruff check . && ruff format --check .

types: build
	@scripts/types

test: lint types build
	@scripts/test

coverage: build
	@scripts/coverage

other-pythons:
	@$(PYTHON) scripts/other_pythons.py

fuzz: build
	@scripts/fuzz $(FUZZ)

bench: build
	@scripts/bench

clean:
	rm -rf .venv build install log demo_output bench_output fuzz_output .mypy_cache .ruff_cache .pytest_cache
