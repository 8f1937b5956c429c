"""A package, lest another one called tests, which some libraries install, be imported in its place."""
