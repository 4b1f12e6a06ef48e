"""Responses: several teachers answer every query over several passes."""
