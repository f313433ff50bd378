"""What a manager's departments have asked for."""
