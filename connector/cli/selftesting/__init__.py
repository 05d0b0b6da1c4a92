"""What `connector selftest` is made of: the plan of a seed, the stage, the people, the storm, and what it is judged by."""
