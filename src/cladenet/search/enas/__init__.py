"""ENAS: one large network whose parts are the candidates, and a controller that learns on it."""
