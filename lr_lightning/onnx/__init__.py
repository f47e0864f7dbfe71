"""Models as ONNX: conversion of modules, and comparison with PyTorch."""
