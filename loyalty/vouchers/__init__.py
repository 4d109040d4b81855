"""vouchers"""
