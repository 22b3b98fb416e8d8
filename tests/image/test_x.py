def test_x(account):
    print(account.run("deploy","--parameters","EnforceTls=false"))
    print(account.run("deploy","--parameters","EnforceTls=false"))
