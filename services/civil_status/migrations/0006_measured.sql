-- How far the country is, for those who run the platform: counts and nothing else.
GRANT EXECUTE ON FUNCTION civil_status.progress_of(text, boolean, text, int) TO @worker;
