-- Organizations, projects, tokens, the audit log and the secrets that all servers share.
-- These tables are small and may refer to each other; rows of tenant data refer to projects without a
-- foreign key. Names and ids compare byte by byte, so that their order is the same everywhere.

CREATE TABLE organizations (
  organization_key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id text COLLATE "C" NOT NULL UNIQUE CHECK (octet_length(organization_id) BETWEEN 1 AND 64),
  name text COLLATE "C" NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 1024),
  created_at timestamptz NOT NULL DEFAULT now(),
  -- It is gone for every caller from here on, and so are its projects.
  deleted_at timestamptz
);
CREATE UNIQUE INDEX organizations_name ON organizations (name) WHERE deleted_at IS NULL;

CREATE TABLE projects (
  project_key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id text COLLATE "C" NOT NULL UNIQUE CHECK (octet_length(project_id) BETWEEN 1 AND 64),
  organization_key bigint NOT NULL REFERENCES organizations,
  name text COLLATE "C" NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 1024),
  -- 0 keeps for ever.
  retention_days integer NOT NULL DEFAULT 0 CHECK (retention_days BETWEEN 0 AND 36500),
  -- '' means main.
  default_branch text NOT NULL DEFAULT '' CHECK (octet_length(default_branch) <= 1024),
  -- 0 and 1 STRICT, 2 LENIENT.
  event_policy smallint NOT NULL DEFAULT 0 CHECK (event_policy BETWEEN 0 AND 2),
  -- 0 means 1 GiB.
  kept_refusal_bytes bigint NOT NULL DEFAULT 0 CHECK (kept_refusal_bytes BETWEEN 0 AND 1099511627776),
  -- 0 means the server's default.
  calls_per_second integer NOT NULL DEFAULT 0 CHECK (calls_per_second BETWEEN 0 AND 1000000),
  created_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  -- The background deletion has removed everything that hung on it.
  purged_at timestamptz
);
CREATE UNIQUE INDEX projects_name ON projects (organization_key, name) WHERE deleted_at IS NULL;
-- What the jobs and the polls of tokens look for.
CREATE INDEX projects_deleted ON projects (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE tokens (
  token_id text COLLATE "C" PRIMARY KEY CHECK (octet_length(token_id) BETWEEN 1 AND 64),
  -- 1 ADMIN, 2 PROJECT.
  kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 2),
  -- NULL for an admin token.
  project_key bigint REFERENCES projects,
  name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 1024),
  -- A sum of 1 INGEST, 2 READ, 4 MANAGE; 0 for an admin token.
  scopes smallint NOT NULL CHECK (scopes BETWEEN 0 AND 7),
  -- bcrypt, of the secret alone.
  secret_hash text NOT NULL CHECK (octet_length(secret_hash) = 60),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  -- To a minute or so.
  last_used_at timestamptz,
  CHECK ((kind = 1) = (project_key IS NULL)),
  CHECK ((kind = 1) = (scopes = 0))
);
-- Serves the lists, newest first; NULL leads to the admin tokens.
CREATE INDEX tokens_by_project ON tokens (project_key, created_at DESC, token_id DESC);
CREATE INDEX tokens_revoked ON tokens (revoked_at) WHERE revoked_at IS NOT NULL;

-- Append-only, except that the refusals of one minute share a row.
CREATE TABLE audit_entries (
  audit_entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  action text NOT NULL CHECK (octet_length(action) BETWEEN 1 AND 64),
  -- '' where there is none.
  actor_token_id text NOT NULL DEFAULT '',
  organization_id text COLLATE "C" NOT NULL DEFAULT '',
  project_id text COLLATE "C" NOT NULL DEFAULT '',
  subject_id text NOT NULL DEFAULT '',
  address text NOT NULL DEFAULT '',
  entry_count bigint NOT NULL DEFAULT 1 CHECK (entry_count >= 1),
  -- Of refusals: the minute they came in.
  refused_minute timestamptz
);
CREATE INDEX audit_entries_by_project ON audit_entries (project_id, audit_entry_id DESC);
CREATE UNIQUE INDEX audit_entries_refusals ON audit_entries (refused_minute, address, subject_id)
  WHERE refused_minute IS NOT NULL;

CREATE TABLE server_secrets (
  name text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 64),
  value bytea NOT NULL CHECK (octet_length(value) BETWEEN 16 AND 1024)
);

-- Deletes an organization with its projects, once, and audits it: 'deleted', 'has_projects' or 'not_found'.
-- A function, because each statement in it sees what committed while the one before waited: a project that is
-- being created holds the organization FOR SHARE, so that it is either seen here or not created.
CREATE FUNCTION delete_organization(
  wanted_id text, force boolean, actor text, client_address text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  wanted_key bigint;
BEGIN
  SELECT o.organization_key INTO wanted_key
  FROM organizations o
  WHERE o.organization_id = wanted_id AND o.deleted_at IS NULL
  FOR UPDATE;
  IF wanted_key IS NULL THEN
    RETURN 'not_found';
  END IF;
  IF NOT force AND EXISTS (
    SELECT FROM projects p WHERE p.organization_key = wanted_key AND p.deleted_at IS NULL
  ) THEN
    RETURN 'has_projects';
  END IF;
  WITH gone AS (
    UPDATE projects
    SET deleted_at = clock_timestamp()
    WHERE organization_key = wanted_key AND deleted_at IS NULL
    RETURNING project_id
  )
  INSERT INTO audit_entries (action, actor_token_id, organization_id, project_id, subject_id, address)
  SELECT 'project_deleted', actor, wanted_id, project_id, project_id, client_address
  FROM gone;
  UPDATE organizations SET deleted_at = clock_timestamp() WHERE organization_key = wanted_key;
  INSERT INTO audit_entries (action, actor_token_id, organization_id, subject_id, address)
  VALUES ('organization_deleted', actor, wanted_id, wanted_id, client_address);
  RETURN 'deleted';
END
$$;

-- Creates an admin token if none works, and audits it; whether it did. The lock is held to the end, and the
-- check after it sees what the holder before committed: of servers that start at once, one creates.
CREATE FUNCTION create_first_admin_token(
  new_id text, new_name text, new_hash text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tally create_first_admin_token', 0));
  IF EXISTS (
    SELECT FROM tokens
    WHERE project_key IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
  ) THEN
    RETURN false;
  END IF;
  INSERT INTO tokens (token_id, kind, name, scopes, secret_hash) VALUES (new_id, 1, new_name, 0, new_hash);
  INSERT INTO audit_entries (action, subject_id) VALUES ('token_created', new_id);
  RETURN true;
END
$$;
