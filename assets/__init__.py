"""What is built, in pipeline order: pure logic beside thin asset definitions."""
