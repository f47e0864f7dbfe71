"""The tests. They are packages so that test files in different folders may share a name."""
