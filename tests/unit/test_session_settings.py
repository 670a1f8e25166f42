"""What a backup kept beside a database, as the settings of a copy's sessions."""

from tasks.clients.session_settings import kept


def test_only_settings_of_the_database_that_decide_what_sql_means_are_taken_from_a_backup():
    statements = (
        'alter database :"database" owner to ada',
        """comment on database :"database" is 'alter database :"database" set "TimeZone" to UTC'""",
        """alter database :"database" set "search_path" to '$user', 'it''s "app', 'public'""",
        """alter database :"database" set "work_mem" to '7MB'""",
        """alter database :"database" set "DateStyle" to 'SQL, DMY'""",
        """alter role ada in database :"database" set "TimeZone" to 'Asia/Tokyo'""",
    )
    assert kept(statements) == {"search_path": '"$user", "it\'s ""app", "public"', "DateStyle": "SQL, DMY"}
